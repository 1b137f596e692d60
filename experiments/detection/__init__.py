"""Detectors compared: attacks they were not fitted on, labeled sets, and click fraud."""
