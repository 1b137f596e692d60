"""Whole jobs behind the scripts: settings, stages that can be resumed, reports, plots."""
