"""What generated interactions buy, beside every simple control."""
