"""Attacks on a recommender's data: fake profiles, and their injection with ground truth."""
