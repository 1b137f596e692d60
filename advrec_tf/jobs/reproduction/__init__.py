"""Published tables, reproduced: what is in them, who enters, search, final runs, the page."""
