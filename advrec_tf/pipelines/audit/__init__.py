"""The audit of one recommender: sections of figures, verdicts with thresholds, one page."""
