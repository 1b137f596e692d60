"""What a small model learns from a large one's lists, beside controls of the same form."""
