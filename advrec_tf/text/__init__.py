"""Language models as towers: encoding, robustness, adversarial training on texts, export."""
