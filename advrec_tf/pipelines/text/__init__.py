"""The text pipeline: a language model as an item tower, frozen or fine-tuned."""
