"""Generator and discriminator pairs."""
