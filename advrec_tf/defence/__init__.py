"""Finding fake profiles, and training in spite of them."""
