"""The in-batch softmax of a two-tower model: the items of a batch are candidates of each example.

`tfrs.tasks.Retrieval` does it; around that are the correction for how often items come into
batches, and a mask over everything that the user is known to have, not only over repeats of the
positive. Where an item stands in many places of a batch, `over_items` makes one candidate of it.
"""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import float32_layers, keras
from advrec_tf.data.histories import PairTable
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.servers import for_workers

PAIR_TABLE_LIMIT = 2**29
"""Bytes allowed for the table of known pairs; above, only accidental hits are masked."""


class InBatchSoftmax:
    """Losses of examples among candidates that the batch brings.

    Yi et al. 2019 (sampling-bias-corrected neural modeling, RecSys): example b is scored
    against every candidate c of the batch by (u_b . v_c) / temperature - log q_c with q_c
    the fraction of training interactions that are of item c, and of an item without any that of
    half an interaction.

    Args:
        interactions: the training interactions: known pairs, item frequencies.
        temperature: > 0.
        logq: whether to correct for item frequency.
        mask_known: hide the user's other known positives among the negatives; where the
            table of pairs would exceed `PAIR_TABLE_LIMIT` only the same item is hidden,
            with a warning.

    Raises:
        ValueError: if `temperature` is not positive.
    """

    def __init__(
        self, interactions: Interactions, *, temperature: float, logq: bool, mask_known: bool
    ):
        if not temperature > 0:
            raise ValueError(f"`temperature` should be > 0. Received: {temperature!r}.")
        self.temperature = temperature
        counts = interactions.item_counts().astype(np.float64)
        log_q = np.log(np.maximum(counts, 0.5) / max(len(interactions), 1))
        self._log_q = tf.constant(log_q, tf.float32) if logq else None
        self._mean_log_q = float(log_q[counts > 0].mean()) if logq and counts.any() else 0.0
        self._known = _known_pairs(interactions) if mask_known else None
        with float32_layers():
            self.task = _tfrs.Retrieval(
                loss=keras.losses.CategoricalCrossentropy(from_logits=True, reduction="none"),
                temperature=temperature,
                remove_accidental_hits=True,
            )

    def over_places(self, queries, vectors, users, items, generated) -> tf.Tensor:
        """[batch]: the loss of each example, whose own item is the candidate in its place.

        Args:
            queries, users: [batch, dim] and [batch] int32.
            vectors, items: [candidates, dim] and [candidates] int32.
            generated: [candidates] bool; the item of a generated pair is no negative.
        """
        positive = tf.eye(tf.size(users), tf.size(items), dtype=tf.bool)
        hidden = generated[None, :] & ~positive
        if self._known is not None:
            hidden |= self._known.known(users, items) & ~positive
        if self._log_q is not None:
            # One more dimension, since the correction of the task ends at q = 1e-6.
            log_q = _corrected(self._log_q_of(items), generated)
            ones = tf.ones_like(queries[:, :1])
            queries = tf.concat([queries, self.temperature * ones], 1)
            vectors = tf.concat([vectors, -log_q[:, None]], 1)
        with float32_layers():  # the task makes some at each call
            return self.task(
                queries,
                vectors,
                candidate_ids=items,
                score_mask=~hidden,
                compute_metrics=False,
                compute_batch_metrics=False,
            )

    def over_items(self, queries, vectors, users, items, count, place, generated) -> tf.Tensor:
        """[batch]: as `over_places`; an item in n places is one candidate that counts n times.

        Args:
            queries, users: [batch, dim] and [batch] int32.
            vectors, items, count: [items, dim], [items] int32 each, as `ops.distinct` gives them;
                places of generated pairs are not counted.
            place, generated: [candidates] int32 and bool, which of the items stands in each place;
                those of the batch come first.
        """
        batch = tf.size(users)
        logits = tf.matmul(queries, vectors, transpose_b=True) / self.temperature
        is_own = place[:batch, None] == tf.range(tf.size(items))[None, :]
        positive = tf.reduce_sum(tf.where(is_own, logits, 0.0), axis=1)
        correction = tf.math.log(tf.cast(tf.maximum(count, 1), tf.float32))
        if self._log_q is not None:
            log_q = self._log_q_of(items)
            correction -= log_q
            positive -= _corrected(tf.gather(log_q, place), generated)[:batch]
        hidden = (count == 0)[None, :] | is_own
        if self._known is not None:
            hidden |= self._known.known(users, items)
        logits = tf.where(hidden, -1e9, logits + correction[None, :])
        return tf.nn.softplus(tf.reduce_logsumexp(logits, axis=1) - positive)

    def over_candidates(self, queries, vectors, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """[batch]: -log softmax over the candidates of a batch at the example's own, `column`.

        Hidden are the user's other known positives and the places left over; log q is that
        of the candidates, which the batch brings along.

        Args:
            queries: [batch, dim].
            vectors: [candidates, dim].
            inputs: a batch of `item_batches.of_items`.
        """
        items = inputs["candidate_index"]
        logits = tf.matmul(queries, vectors, transpose_b=True) / self.temperature
        if self._log_q is not None:
            logits -= inputs["candidate_log_q"][None, :]
        positive = inputs["column"][:, None] == tf.range(tf.size(items))[None, :]
        hidden = ~inputs["candidate_open"][None, :]
        if self._known is not None:
            hidden |= self._known.known(inputs["user_index"], items)
        logits = tf.where(hidden & ~positive, -1e9, logits)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(inputs["column"], logits)

    def negative_logits(self, queries, vectors, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Users against the batch's items as negatives, [batch, batch]: over the temperature, less
        log q; -1e9 where the user is known to have the item (the example's own positive among
        them) or the item is of a generated pair.

        Args:
            queries, vectors: [batch, dim] each.
            inputs: a batch of `batches.of_pairs`.
        """
        index = inputs["item_index"]
        logits = tf.matmul(queries, vectors, transpose_b=True) / self.temperature
        if self._log_q is not None:
            logits -= self._log_q_of(index)[None, :]
        hidden = (index[:, None] == index[None, :]) | inputs["generated"][None, :]
        if self._known is not None:
            hidden |= self._known.known(inputs["user_index"], index)
        return tf.where(hidden, -1e9, logits)

    @property
    def mean_log_probability(self) -> float:
        """Mean over the items that training interactions have, each once, of log q: the logQ
        correction of an item that is not in training; 0 without the correction."""
        return self._mean_log_q

    def _log_q_of(self, items: tf.Tensor) -> tf.Tensor:
        return tf.gather(for_workers(self._log_q), items)


def _known_pairs(interactions: Interactions) -> PairTable | None:
    size = PairTable.size_in_bytes(interactions.num_users, interactions.num_items)
    if size <= PAIR_TABLE_LIMIT:
        return PairTable(interactions)
    warnings.warn(
        f"`mask_known` needs {size / 2**20:.0f} MiB for "
        f"{interactions.num_users} x {interactions.num_items} pairs, over the limit of "
        f"{PAIR_TABLE_LIMIT / 2**20:.0f} MiB: only repeats of the positive are hidden.",
        stacklevel=4,
    )
    return None


def _corrected(log_q: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Of the candidates, [candidates] each. The item of a generated pair is no negative, so it
    needs no correction of its own, which may be that of an item that nobody interacted with: it
    has the logarithm of their mean q."""
    return tf.where(generated, tf.math.log(tf.reduce_mean(tf.exp(log_q))), log_q)
