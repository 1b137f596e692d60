"""Tests of the package; `tests.worlds` builds the interactions that they share."""
