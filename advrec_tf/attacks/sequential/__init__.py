"""Attacks on next-item recommenders: polluted histories, and fake users with histories."""
