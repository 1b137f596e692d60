"""The fraud pipeline: users ranked by suspicion, with reasons, and a served scorer."""
