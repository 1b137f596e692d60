"""Sequence models: self-attention networks and their counting baselines."""
