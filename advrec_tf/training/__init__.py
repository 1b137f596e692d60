"""Adversarial training of any model, fitting that can be resumed, optimizers, callbacks."""
