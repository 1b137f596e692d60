"""What scores items: baselines, factorization, towers, autoencoders, ranking."""
