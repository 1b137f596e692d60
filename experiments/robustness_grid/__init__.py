"""Attack, defend, measure again: the grid of attacks, victims and defences."""
