"""Published tables, reproduced: models, search, final runs, page."""
