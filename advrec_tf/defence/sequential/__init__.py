"""Defences of next-item recommenders: detectors of histories, and scores that look at many."""
