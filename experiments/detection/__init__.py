"""The benchmark of detectors: unseen attacks, labelled sets, click fraud."""
