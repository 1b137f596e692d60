"""The benchmark of detectors: unseen attacks, labeled sets, click fraud."""
