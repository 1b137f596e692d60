"""Notations: what a column of text holds, and how its numbers and dates are written."""
