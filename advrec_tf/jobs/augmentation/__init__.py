"""What generated behaviour buys: with and without it, beside every simple control."""
