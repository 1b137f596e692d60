"""Knowledge graphs: facts predicted, and what they do for items without interactions."""
