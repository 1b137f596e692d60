"""The attack pipeline: attack a recommender, defend it, measure both."""
