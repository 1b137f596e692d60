"""Knowledge graphs: links predicted, and what facts do for items without interactions."""
