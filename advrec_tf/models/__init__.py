"""What scores items: baselines, factorisation, towers, autoencoders, ranking."""
