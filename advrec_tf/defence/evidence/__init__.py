"""How much independent evidence an item's score rests on, and defences that ask for some."""
