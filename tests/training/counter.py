"""A model for the tests of callbacks, which ask it for its weights alone."""

import numpy as np


class Counter:
    """A model whose only weight is the number of the epoch."""

    name = "counter"

    def __init__(self):
        self.weight = 0
        self.stop_training = False

    def get_weights(self):
        return [np.array(self.weight)]

    def set_weights(self, weights):
        self.weight = int(weights[0])
