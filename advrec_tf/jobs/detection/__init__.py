"""Fraud detection: the benchmark of detectors, and the filter for a file."""
