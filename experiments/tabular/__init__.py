"""Generated tables of users: every generator, over seeds."""
