"""Attack, defend, measure again: one cell, and the grid of them."""
