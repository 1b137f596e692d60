"""What the commands run: settings, resumable stages, reports, plots."""
