"""Matrix factorization: pairwise, softmax, least squares, and its negative samplers."""
