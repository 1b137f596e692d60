"""How the scores of a model hold the number of an item's raters.

A sum over the raters of an item grows with their number, a logit of a softmax over the catalogue
with its logarithm. A model says which of these it does (`Recommender.count_law`), and the law says
what its scores were with another number. Laws are of the objective and hold roughly: over the items
of FilmTrust that 2 to a tenth of the users have, the exponent was .89 for EASE (law: 1) and .54 for
item-kNN (.5), and a nat of log n was worth .95 in the autoencoder, 1.24 under BPR and .63 under a
softmax of cosines (1). Who is to be counted, and how far, is left to `defence.evidence.leveling`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class PowerOfCount:
    """Positive scores are proportional to n^exponent for an item with n raters.

    Attributes:
        exponent: 1 where a score is a sum over raters, less where that is divided by a power of
            their number.
        of_weight: a rater whose interaction weighs w counts as w^of_weight.
    """

    exponent: float = 1.0
    of_weight: float = 1.0

    def rescaled(self, scores: tf.Tensor, ratio: np.ndarray) -> tf.Tensor:
        """The scores if every item had `ratio` times its raters; those below 0 stay.

        Args:
            scores: [batch, num_items] float32.
            ratio: [num_items] float > 0.
        """
        factor = tf.constant(ratio**self.exponent, tf.float32)
        return tf.where(scores > 0, scores * factor[None, :], scores)


SUM_OVER_RATERS = PowerOfCount()


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogOfCount:
    """Scores grow by unit * log n for an item with n raters, as logits of a softmax do.

    Attributes:
        unit: what one nat is worth, such as the temperature of a softmax of cosines.
        of_weight: as of `PowerOfCount`.
    """

    unit: float = 1.0
    of_weight: float = 1.0

    def rescaled(self, scores: tf.Tensor, ratio: np.ndarray) -> tf.Tensor:
        """As `PowerOfCount.rescaled`; all scores change."""
        return scores + tf.constant(self.unit * np.log(ratio), tf.float32)[None, :]


CountLaw = PowerOfCount | LogOfCount
