"""Next-item recommendation on published sequences: counting baselines and sequence models."""
