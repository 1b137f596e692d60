"""Data larger than memory: shards read block by block, in an order of (seed, epoch) alone."""
