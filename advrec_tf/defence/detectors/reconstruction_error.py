"""The error of an autoencoder as a sign: which profiles would the suite itself never predict?

`models.autoencoder.ProfileAutoencoder` learns from honest profiles to name hidden items. What
a profile's items cost it, in nats an item, is the suspicion. It reads which items there are,
not how they are rated.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels
from advrec_tf.models.autoencoder import ProfileAutoencoder, without_visible

_BLOCK = 512


class AutoencoderError(Detector):
    """Mean negative log-likelihood of a profile's items when they are hidden in turn.

    The items of a profile are dealt into `parts`; each part is hidden and predicted from the
    others by a softmax over what is not visible. The score is the mean over all items, less what
    the items cost by popularity alone (log-shares of the training rows): without that, a taste
    for rare items would be the crime. A profile of one item is predicted from nothing.

    Known fakes are left out of training; other labels are not read.

    Args:
        dim, drop, epochs, learning_rate: of the autoencoder.
        parts: >= 2.
        against_popularity: share of the popularity's cost that is taken off, in [0, 1].
    """

    def __init__(
        self,
        *,
        dim: int = 32,
        drop: float = 0.5,
        epochs: int = 40,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        parts: int = 5,
        against_popularity: float = 1.0,
        seed: int = 0,
    ):
        if parts < 2 or not 0 <= against_popularity <= 1:
            raise ValueError(
                "`parts` should be >= 2 and `against_popularity` in [0, 1]. "
                f"Received: {parts!r} and {against_popularity!r}."
            )
        self.dim, self.drop, self.epochs = dim, drop, epochs
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.parts = parts
        self.against_popularity = against_popularity
        self.seed = seed

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None):
        is_fake = checked_labels(interactions, is_fake, needed=False)
        rows = interactions.select(~is_fake[interactions.user_index])
        keras.utils.set_random_seed(self.seed)
        self.model = ProfileAutoencoder(rows, dim=self.dim, drop=self.drop, seed=self.seed)
        self.model.compile(optimizer=keras.optimizers.Adam(self.learning_rate))
        users = np.flatnonzero(rows.user_counts() > 0)
        data = batches.of_users(users, batch_size=self.batch_size, seed=self.seed)
        self.model.fit(
            data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=self.epochs, verbose=0
        )
        counts = rows.item_counts() + 0.5
        self._popularity = tf.constant(np.log(counts / counts.sum()), tf.float32)
        self._cost_of = tf.function(self._cost, reduce_retracing=True)
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        cost, above = self.costs(interactions).T
        return self.against_popularity * above + (1.0 - self.against_popularity) * cost

    def costs(self, interactions: Interactions) -> np.ndarray:
        """[num_users, 2] float64, nats an item: what a profile costs, and what it costs above its
        items' popularity; 0 for a user without a row."""
        histories = Histories(interactions.by_user())
        costs = np.zeros((interactions.num_users, 2))
        users = np.flatnonzero(interactions.user_counts() > 0)
        for start in range(0, len(users), _BLOCK):
            block = users[start : start + _BLOCK]
            costs[block] = self._cost_of(histories.dense(tf.constant(block, tf.int32))).numpy()
        return costs

    def _cost(self, profile: tf.Tensor) -> tf.Tensor:
        """[batch, num_items] of 0/1 -> [batch, 2], nats an item."""
        keys = tf.random.stateless_uniform(tf.shape(profile)[1:], [self.seed, 7])
        part = tf.cast(keys * self.parts, tf.int32)  # the same deal for everybody
        total = usual = tf.zeros(tf.shape(profile)[:1])
        for number in range(self.parts):
            hidden = profile * tf.cast(part == number, tf.float32)
            visible = profile - hidden
            total += losses.multinomial(without_visible(self.model(visible), visible), hidden)
            open_popularity = without_visible(self._popularity[None, :], visible)
            usual += losses.multinomial(open_popularity, hidden)
        both = tf.stack([total, total - usual], axis=1)
        return tf.math.divide_no_nan(both, tf.reduce_sum(profile, 1)[:, None])
