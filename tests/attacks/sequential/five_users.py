"""Five users and what their attackers push, for the tests of attacks on next-item models."""

import numpy as np

from tests.worlds import interactions_of_histories

HISTORIES = [0, 1], [2, 1], [3, 0, 1], [1, 2], [9]
TIMES = [[10, 20], [12, 15], [11, 13, 50], [20, 30], [40]]
DATA = interactions_of_histories(*HISTORIES, num_items=10)
TIMED = interactions_of_histories(*HISTORIES, num_items=10, times=TIMES)
TARGET = np.array([7])


def rng():
    return np.random.default_rng(0)
