"""Detectors of fake profiles, one file a published method."""
