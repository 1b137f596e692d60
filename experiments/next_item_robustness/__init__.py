"""What attacks on histories and on training cost a next-item model, and what defends it."""
