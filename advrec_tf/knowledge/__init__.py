"""Knowledge graphs: embeddings, link prediction, joint factorization, explanations."""
