"""What answers in the place of a network, or beside it, in the rows that train nothing."""

from __future__ import annotations

import functools

import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.defence.sequential.base import HistoryDetector
from advrec_tf.defence.sequential.purification import TrimmedHistories
from advrec_tf.defence.sequential.smoothing import DeletionSmoothing
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.sequential.transitions import Transitions
from experiments.next_item_robustness import rows

SAMPLES = 4
"""Histories that smoothing asks about."""

COVISITS = {"window": 10, "distance": 0.5, "symmetric": True, "decay": 0.95}
"""Of counts that read the whole history: the newest item has a fraction of the weight, so that an
attacker has to exchange many."""

COUNTED = {
    rows.TRANSITIONS: Transitions,
    rows.COVISITS: functools.partial(Transitions, **COVISITS),
    rows.POPULARITY: Popularity,
}
"""Rows without a network."""

HARDENED = (rows.BLENDED_SUBSTITUTED, rows.BLENDED_COVISITS)
"""Rows whose network is the one trained on random substitutions."""


BLOCK = 2048

COMPILED = (SequenceModel, DeletionSmoothing, HistoryBlend)
"""What XLA compiles; a search then takes half the time."""


class Compiled:
    """`score_history` of a scorer as one compiled function of blocks of one size."""

    def __init__(self, scorer):
        self._score = tf.function(scorer.score_history, jit_compile=True)

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[n, places] int32 -> [n, num_items] float32."""
        count = tf.shape(histories)[0]
        padded = tf.pad(histories, [[0, -count % BLOCK], [0, 0]], constant_values=NONE)
        parts = [self._score(part) for part in tf.split(padded, len(padded) // BLOCK)]
        return tf.concat(parts, 0)[:count]


def behind(label: str, network: SequenceModel, strength: float, detector: HistoryDetector):
    """What answers in a row with a setting: anything with `score_history`."""
    if label in (rows.SMOOTHED, rows.MEDIAN):
        aggregate = "mean" if label == rows.SMOOTHED else "median"
        return DeletionSmoothing(network, samples=SAMPLES, rate=strength, aggregate=aggregate)
    if label == rows.CLEANED:
        return TrimmedHistories(network, detector, changes=int(strength))
    counted = rows.COVISITS if label == rows.BLENDED_COVISITS else rows.TRANSITIONS
    counts = COUNTED[counted]().fit(network.interactions)
    return HistoryBlend([network, counts], [1.0, strength])
