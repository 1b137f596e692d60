"""Attacks x victims x defences on one data set: the grid, its page and its plots."""
