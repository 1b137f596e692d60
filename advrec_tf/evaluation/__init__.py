"""Full-ranking metrics, classification metrics, protocols and comparisons."""
