"""The table pipeline: a table in, generated rows and their quality report out."""
