"""Where the items come from that a positive is compared with: samplers by name.

    uniform      every item alike (Rendle et al. 2009, arXiv:1205.2618)
    popularity   proportional to (rows of the item)^exponent (Mikolov et al. 2013: .75)
    in_batch     the items of the batch's other positives
    mixed        half of them in-batch, half uniform (Yang et al. 2020)
    dns          the highest-scored of `count` uniform ones (Zhang et al. 2013), a positive's
                 pair known from training never among them
    generator    one of `count` uniform ones, chosen by a generator that is trained, by policy
                 gradient, to find what the model confuses with a positive (Wang et al. 2017,
                 arXiv:1705.10513; the game is in `models.factorization`); none known either

A pairwise loss takes one negative a positive (`one_each`), a softmax loss a set that the
batch shares (`shared`), with the log-probabilities its correction needs.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import PairTable
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.random import random_floats

SAMPLERS = ("uniform", "popularity", "in_batch", "mixed", "dns", "generator")
PAIRWISE_ONLY = ("dns", "generator")
MAX_PAIR_TABLE_BYTES = 2**31


def random_items(shape, seed: tf.Tensor, num_items: int) -> tf.Tensor:
    """int32 items, uniform; the named algorithm is the one XLA is quick with."""
    return tf.random.stateless_uniform(shape, seed, maxval=num_items, dtype=tf.int32, alg="philox")


def known_pairs(interactions: Interactions, argument: str) -> PairTable:
    """The table of known pairs that `argument` asks for, unless it is too large.

    Raises:
        ValueError: if it takes more than `MAX_PAIR_TABLE_BYTES`.
    """
    size = PairTable.size_in_bytes(interactions.num_users, interactions.num_items)
    if size > MAX_PAIR_TABLE_BYTES:
        raise ValueError(
            f"{argument} should be used with a table of known pairs of at most "
            f"{MAX_PAIR_TABLE_BYTES:,} bytes. Received a catalogue that needs {size:,}."
        )
    return PairTable(interactions.by_user())


class NegativeSampler(tf.Module):
    """Draws negatives for batches of one data set, inside compiled functions.

    Args:
        interactions: the training rows: popularity and known pairs.
        name: one of `SAMPLERS`.
        count: candidates looked at per positive (dns, generator), >= 1; or size of the set a
            batch shares (softmax losses; of the uniform part under "mixed").
        exponent: of the popularity, >= 0.

    Raises:
        ValueError: if the name is unknown, `count` < 1, `exponent` < 0, or the catalogue is
            too large for the table of known pairs that dns and generator need.
    """

    def __init__(
        self,
        interactions: Interactions,
        name: str = "uniform",
        *,
        count: int = 1,
        exponent: float = 0.75,
    ):
        super().__init__(name="negative_sampler")
        if name not in SAMPLERS:
            raise ValueError(f"`negatives` should be one of {SAMPLERS}. Received: {name!r}.")
        if count < 1:
            raise ValueError(f"`count` should be >= 1. Received: {count!r}.")
        if not exponent >= 0:
            raise ValueError(f"`exponent` should be >= 0. Received: {exponent!r}.")
        self.sampler = name
        self.count = count
        self.num_items = interactions.num_items
        counts = interactions.item_counts().astype(np.float64)
        self._rows = float(len(interactions))
        self._item_rows = tf.constant(counts, tf.float32)
        self.pair_table = None
        if name == "popularity":
            weights = counts**exponent * (counts > 0)
            self._probability = weights / weights.sum()
            threshold, other = _alias_table(self._probability)
            self._threshold = tf.constant(threshold, tf.float32)
            self._other = tf.constant(other, tf.int32)
            tiny = np.finfo(np.float32).tiny
            self._log_ratio = tf.constant(
                np.log(np.maximum(self._probability * self.num_items, tiny)), tf.float32
            )
        if name in PAIRWISE_ONLY:
            self.pair_table = known_pairs(interactions, f"`negatives`={name!r}")

    def one_each(self, item_index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Positives [batch] int32, seed [2] -> negatives [batch] int32, regardless of scores.

        In a batch of one no other positive is to be had: in_batch meets the row's own.
        """
        batch = tf.shape(item_index)[0]
        if self.sampler == "popularity":
            return self._by_popularity([batch], seed)
        if self.sampler == "in_batch":
            return self._other_positives(item_index, seed)
        if self.sampler == "mixed":
            uniform = random_items([batch], seed + [0, 1], self.num_items)
            from_batch = tf.range(batch) % 2 == 0
            return tf.where(from_batch, self._other_positives(item_index, seed), uniform)
        return random_items([batch], seed, self.num_items)

    def candidates(self, user_index: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch] -> uniform candidates [batch, count] int32, and which of them are open.

        A pair known from training is not open (dns, generator).
        """
        items = random_items([tf.shape(user_index)[0], self.count], seed, self.num_items)
        return items, ~self.pair_table.known_pairs(user_index, items)

    def shared(self, item_index: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Positives [batch] -> items [m] int32 and log(num_items * q) [m] float32.

        q is the probability with which the sampler puts the item in one place of the set:
        the log-Q correction subtracts it (Bengio & Senecal 2008; Yi et al. 2019).
        """
        if self.sampler == "popularity":
            items = self._by_popularity([self.count], seed)
            return items, tf.gather(self._log_ratio, items)
        if self.sampler == "uniform":
            items = random_items([self.count], seed, self.num_items)
            return items, tf.zeros([self.count])
        share_uniform = 0.0
        items = item_index
        if self.sampler == "mixed":
            items = tf.concat([items, random_items([self.count], seed, self.num_items)], 0)
            share_uniform = self.count / tf.cast(tf.shape(items)[0], tf.float32)
        rows = tf.gather(self._item_rows, items)
        if self.sampler == "in_batch":
            # It is in the batch, so there is a row of it; a generated one is not counted.
            rows = tf.maximum(rows, 1.0)
        by_rows = rows * (self.num_items / self._rows)
        return items, tf.math.log((1.0 - share_uniform) * by_rows + share_uniform)

    def _by_popularity(self, shape, seed: tf.Tensor) -> tf.Tensor:
        place = random_items(shape, seed, self.num_items)
        keep = random_floats(shape, seed + [0, 1]) < tf.gather(self._threshold, place)
        return tf.where(keep, place, tf.gather(self._other, place))

    def _other_positives(self, item_index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        batch = tf.shape(item_index)[0]
        shift = 1 + random_items([1], seed, 2**30)[0] % tf.maximum(batch - 1, 1)
        return tf.gather(item_index, (tf.range(batch) + shift) % batch)


def _alias_table(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's alias method: a draw is one place and one coin, whatever the size."""
    size = len(probability)
    threshold = probability * size
    other = np.arange(size)
    small = list(np.flatnonzero(threshold < 1.0))
    large = list(np.flatnonzero(threshold >= 1.0))
    while small and large:
        low, high = small.pop(), large[-1]
        other[low] = high
        threshold[high] -= 1.0 - threshold[low]
        if threshold[high] < 1.0:
            small.append(large.pop())
    threshold[small] = 1.0  # what rounding has left over
    return threshold, other
