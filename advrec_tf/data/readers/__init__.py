"""Readers: from files and frames to `Interactions`, with a report of what was read."""
