"""The recommendation pipeline: train, compare, choose and export."""
