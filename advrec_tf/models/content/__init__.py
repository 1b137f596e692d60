"""Content towers: ids, texts, attributes and other modalities."""
