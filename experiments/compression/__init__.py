"""What smaller served tables cost, and what they leave of adversarial training."""
