"""Interactions, readers, the synthetic world, splits, samplers and batches."""
