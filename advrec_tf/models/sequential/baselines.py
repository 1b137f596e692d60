"""Sequences without a network: a Markov chain, the baseline of a generator of sequences.

It offers `generate` as `gan.sequences` does, and can be asked to begin with given items.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE, Sequences, last_items
from advrec_tf.models.base import Recommender
from advrec_tf.models.sequential.networks import checked_start

_END = NONE + 1  # a token; item i is token i + 1


class MarkovChain(Recommender):
    """First-order chain over items, mixed with popularity.

        p(j | i) = (n_ij + strength * p_j) / (n_i + strength)

    n_ij counts how often j, or the end, comes right after i; p_j is the fraction of j among
    all that come after something. It ranks what would come after a user's last item.

    Args:
        strength: of popularity, in transitions, > 0.

    Raises:
        ValueError: if `strength` is not positive.
    """

    def __init__(self, *, strength: float = 10.0):
        if not strength > 0:
            raise ValueError(f"`strength` should be > 0. Received: {strength!r}.")
        self.strength = strength

    def fit(self, sequences: Sequences, interactions: Interactions) -> MarkovChain:
        """Count transitions; `interactions` says what users have, and did last."""
        self.interactions, self.length = interactions, sequences.length
        self.num_items = sequences.num_items
        tokens = np.concatenate(
            [sequences.items + 1, np.full((len(sequences), 1), _END, np.int32)], axis=1
        )
        first, second = tokens[:, :-1], tokens[:, 1:]
        there = first > 0
        # A sequence of the full length did not end there: it was cut.
        there[:, -1] = False
        self._counts = np.zeros((self.num_items + 1, self.num_items + 1), np.float32)
        np.add.at(self._counts, (first[there], second[there]), 1.0)
        self._begin = np.bincount(tokens[:, 0], minlength=self.num_items + 1).astype(np.float64)
        after = self._counts.sum(0) + self._begin
        self._fraction = (after / after.sum()).astype(np.float64)
        self._last = last_items(interactions, 1)[:, 0]
        return self

    def chances(self, tokens: np.ndarray) -> np.ndarray:
        """[n] tokens before -> [n, items + 1] probabilities of the token after; 0 is none."""
        counts = self._counts[tokens] + self.strength * self._fraction
        counts = np.where(
            (tokens == 0)[:, None], self._begin + self.strength * self._fraction, counts
        )
        counts[tokens == 0, _END] = 0.0
        return counts / counts.sum(axis=1, keepdims=True)

    def generate(
        self, n: int, *, seed: int, start: np.ndarray | None = None, repeats: bool = False
    ) -> np.ndarray:
        """[n, length] int32 item indices, `NONE` after the end; see `SequenceGAN.generate`."""
        rng = np.random.default_rng(seed)
        start = checked_start(start, n, self.num_items, self.length)
        tokens = np.zeros((n, self.length), np.int32)
        tokens[:, : start.shape[1]] = start + 1
        for place in range(start.shape[1], self.length):
            before = tokens[:, place - 1] if place else np.zeros(n, np.int32)
            chances = self.chances(before)
            if not repeats:
                rows = np.repeat(np.arange(n), place)
                seen = tokens[:, :place].reshape(-1)
                chances[rows[seen > 0], seen[seen > 0]] = 0.0
            total = chances.sum(axis=1, keepdims=True)
            chances[total[:, 0] == 0, _END] = 1.0  # every item is used up
            upto = np.cumsum(chances, axis=1)
            drawn = (upto < rng.random((n, 1)) * upto[:, -1:]).sum(axis=1)
            drawn = np.minimum(drawn, self.num_items)
            tokens[:, place] = np.where((before == 0) & (place > 0), _END, drawn)
        return tokens - 1

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        before = self._last[np.asarray(user_index)] + 1
        return tf.constant(self.chances(before)[:, 1:], tf.float32)
