"""The reconstruction error of an autoencoder of profiles as a score of suspicion.

`models.autoencoder.ProfileAutoencoder` (Liang et al. 2018) learns from honest profiles to predict
hidden items. It reads which items a profile has, not how they are rated.
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


class ReconstructionErrorDetector(Detector):
    """Unsupervised: mean negative log-likelihood, in nats an item, of items hidden in turn.

    The items of a profile are divided into `folds`; each fold is hidden and predicted from the
    others by a softmax over the items that are not visible. The score is the mean over all items,
    less the cost of the items by popularity alone (their log frequencies in the training
    interactions): without that, a taste for rare items would be suspicious. A profile of one item
    is predicted from the empty profile.

    Known fakes are left out of training; other labels are not read.

    Args:
        dim, drop, epochs, batch_size, learning_rate: of the autoencoder.
        folds: >= 2.
        popularity_weight: fraction of the popularity's cost that is subtracted, in [0, 1].
        seed: of weights, batches and dropout.
    """

    def __init__(
        self,
        *,
        dim: int = 32,
        drop: float = 0.5,
        epochs: int = 40,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        folds: int = 5,
        popularity_weight: float = 1.0,
        seed: int = 0,
    ):
        if folds < 2 or not 0 <= popularity_weight <= 1:
            raise ValueError(
                "`folds` should be >= 2 and `popularity_weight` in [0, 1]. "
                f"Received: {folds!r} and {popularity_weight!r}."
            )
        self.dim, self.drop, self.epochs = dim, drop, epochs
        self.batch_size, self.learning_rate = batch_size, learning_rate
        self.folds = folds
        self.popularity_weight = popularity_weight
        self.seed = seed

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None):
        is_fake = checked_labels(interactions, is_fake, needed=False)
        honest = interactions.select(~is_fake[interactions.user_index])
        keras.utils.set_random_seed(self.seed)
        self.model = ProfileAutoencoder(honest, dim=self.dim, drop=self.drop, seed=self.seed)
        self.model.compile(optimizer=keras.optimizers.Adam(self.learning_rate))
        users = np.flatnonzero(honest.user_counts() > 0)
        data = batches.of_users(users, batch_size=self.batch_size, seed=self.seed)
        self.model.fit(
            data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=self.epochs, verbose=0
        )
        counts = honest.item_counts() + 0.5
        self._popularity = tf.constant(np.log(counts / counts.sum()), tf.float32)
        self._cost_of = tf.function(self._cost, reduce_retracing=True)
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        cost, above = self.costs(interactions).T
        return self.popularity_weight * above + (1.0 - self.popularity_weight) * cost

    def costs(self, interactions: Interactions) -> np.ndarray:
        """[num_users, 2] float64, nats an item: the cost of a profile, and the same less the cost
        by popularity; 0 for a user without interactions."""
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
        fold = tf.cast(keys * self.folds, tf.int32)  # of the items, the same for all users
        total = by_popularity = tf.zeros(tf.shape(profile)[:1])
        for number in range(self.folds):
            hidden = profile * tf.cast(fold == number, tf.float32)
            visible = profile - hidden
            total += losses.multinomial(without_visible(self.model(visible), visible), hidden)
            popularity = without_visible(self._popularity[None, :], visible)
            by_popularity += losses.multinomial(popularity, hidden)
        both = tf.stack([total, total - by_popularity], axis=1)
        return tf.math.divide_no_nan(both, tf.reduce_sum(profile, 1)[:, None])
