"""Ensembles over random subsets of users, and what a number of fake users cannot change in them."""
