"""The served graph: two matrices, the seen items and the ids, behind four named signatures.

It follows the rules of `models.recommender`: items already seen are left out, an unknown user
gets the list of the recommender's `unknown_user`. Where fewer than k items are left the list
ends in `NO_ITEM` (or index -1) with score `LOWEST`, which unlike infinity is valid JSON.
Writing the graph to disk is the business of `export`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories
from advrec_tf.models.vectors import VectorRecommender

LOWEST = float(np.finfo(np.float32).min)
NO_ITEM = ""


def text_ids(ids: Sequence, name: str) -> list[str]:
    """External ids as the strings that requests carry: `str(id)`.

    Raises:
        ValueError: if two ids have the same text, or one has none.
    """
    seen = {}
    for value in ids:
        text = str(value)
        if text == NO_ITEM:
            raise ValueError(f"`{name}` should hold no empty id. Received: {value!r}.")
        if text in seen:
            raise ValueError(
                f"`{name}` should hold ids whose text differs. "
                f"Received: {seen[text]!r} and {value!r}, both {text!r}."
            )
        seen[text] = value
    return list(seen)


class ServedRecommender(tf.Module):
    """A `VectorRecommender` as variables, tables and four functions of tensors.

    Args:
        k: length of a list where the request names none, 1 <= k <= max_k.
        max_k: longest list a request may ask for.

    Raises:
        ValueError: if k or max_k is out of range, or ids collide after `str`.
    """

    def __init__(self, recommender: VectorRecommender, *, k: int = 10, max_k: int = 100):
        super().__init__(name="served_recommender")
        if not 1 <= k <= max_k:
            raise ValueError(f"`k` should be in 1..max_k. Received: k={k!r}, max_k={max_k!r}.")
        data = recommender.interactions
        self.k, self.max_k = k, max_k
        self.num_users, self.num_items = data.num_users, data.num_items
        # Variables live in the checkpoint; constants would count against the 2 GiB of a graph.
        # The last user stands for everyone unknown.
        self.user_vectors = frozen(
            np.concatenate([recommender.user_vectors, recommender.unknown_user[None, :]]),
            "user_vectors",
        )
        self.item_vectors = frozen(recommender.item_vectors, "item_vectors")
        self.histories = Histories(data.by_user())
        self.histories.items = frozen(self.histories.items, "seen_items")
        self.histories.row_splits = frozen(self.histories.row_splits, "seen_row_splits")
        item_ids = text_ids(data.items.ids, "items")
        self.users = lookup_table(text_ids(data.users.ids, "users"), default=data.num_users)
        self.items = lookup_table(item_ids, default=-1)
        self.item_ids = tf.constant([*item_ids, NO_ITEM])

    def serving_default(self, user_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """user_id [batch] string -> item_id [batch, k] string, score [batch, k] float32."""
        return self._named(*self._best(self._unseen_scores(user_id), self.k))

    def recommend(
        self, user_id: tf.Tensor, k: tf.Tensor, exclude_item_id: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """user_id [batch] string, k [] int32, exclude_item_id [n] string -> lists of k.

        Unknown ids among `exclude_item_id` are ignored. InvalidArgumentError if k is not in
        1..max_k.
        """
        in_range = tf.debugging.Assert(
            (k >= 1) & (k <= self.max_k),
            [f"`k` should be in 1..{self.max_k}. Received:", k],
        )
        with tf.control_dependencies([in_range]):
            k = tf.identity(k)
        excluded = self.items.lookup(exclude_item_id)
        excluded = tf.boolean_mask(excluded, excluded >= 0)[:, None]
        ones = tf.ones(tf.shape(excluded)[:1])
        excluded = tf.scatter_nd(excluded, ones, [self.num_items]) > 0
        scores = tf.where(excluded[None, :], LOWEST, self._unseen_scores(user_id))
        return self._named(*self._best(scores, k))

    def score(self, user_id: tf.Tensor, item_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """user_id, item_id [batch] string -> score [batch] float32, known_item [batch] bool.

        The score of an unknown item is 0. InvalidArgumentError if the lengths differ.
        """
        same_length = tf.debugging.Assert(
            tf.equal(tf.size(user_id), tf.size(item_id)),
            [
                "`user_id` and `item_id` should have the same length. Received:",
                tf.size(user_id),
                tf.size(item_id),
            ],
        )
        with tf.control_dependencies([same_length]):
            item = self.items.lookup(item_id)
        known = item >= 0
        products = tf.gather(self.user_vectors, self.users.lookup(user_id)) * tf.gather(
            self.item_vectors, tf.maximum(item, 0)
        )
        return {"score": tf.where(known, tf.reduce_sum(products, axis=1), 0.0), "known_item": known}

    def recommend_index(self, user_index: tf.Tensor) -> dict[str, tf.Tensor]:
        """user_index [batch] int32 -> item_index [batch, k] int32, score [batch, k] float32.

        An index outside 0..num_users-1 is an unknown user. No strings and static in all but
        the batch, so XLA compiles it.
        """
        known = (user_index >= 0) & (user_index < self.num_users)
        user_index = tf.where(known, user_index, self.num_users)
        items, seen = self.histories.padded(user_index)
        rows = tf.broadcast_to(tf.range(tf.size(user_index))[:, None], tf.shape(items))
        # The minimum with infinity leaves the item in a masked place as it is.
        scores = tf.tensor_scatter_nd_min(
            self._scores(user_index),
            tf.stack([rows, items], axis=2),
            tf.where(seen, LOWEST, np.float32(np.inf)),
        )
        item_index, scores = self._best(scores, self.k)
        return {"item_index": item_index, "score": scores}

    def signatures(self) -> dict[str, Callable]:
        """The four functions traced for the shapes they promise, by name."""
        strings = tf.TensorSpec([None], tf.string)
        inputs = {
            "serving_default": {"user_id": strings},
            "recommend": {
                "user_id": strings,
                "k": tf.TensorSpec([], tf.int32),
                "exclude_item_id": strings,
            },
            "score": {"user_id": strings, "item_id": strings},
            "recommend_index": {"user_index": tf.TensorSpec([None], tf.int32)},
        }
        return {
            name: tf.function(getattr(self, name)).get_concrete_function(
                **{key: tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in specs.items()}
            )
            for name, specs in inputs.items()
        }

    def _scores(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32."""
        users = tf.gather(self.user_vectors, user_index)
        return tf.matmul(users, self.item_vectors, transpose_b=True)

    def _unseen_scores(self, user_id: tf.Tensor) -> tf.Tensor:
        """[batch] string -> [batch, num_items] float32, LOWEST where the user has the item."""
        user_index = self.users.lookup(user_id)
        seen = self.histories.pairs(user_index)
        return tf.tensor_scatter_nd_update(
            self._scores(user_index), seen, tf.fill(tf.shape(seen)[:1], LOWEST)
        )

    def _best(self, scores: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch, num_items] -> item index, -1 for none, and score, both [batch, k]."""
        if isinstance(k, int):
            available = min(k, self.num_items)
        else:
            available = tf.minimum(k, self.num_items)
        best, index = tf.math.top_k(scores, available)
        index = tf.where(best > LOWEST, index, -1)
        beyond = [[0, 0], [0, k - available]]
        return (
            tf.pad(index, beyond, constant_values=-1),
            tf.pad(best, beyond, constant_values=LOWEST),
        )

    def _named(self, item_index: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        place = tf.where(item_index >= 0, item_index, self.num_items)
        return {"item_id": tf.gather(self.item_ids, place), "score": scores}


def frozen(value, name: str) -> tf.Variable:
    return tf.Variable(value, trainable=False, name=name)


def lookup_table(keys: list[str], *, default: int) -> tf.lookup.StaticHashTable:
    """Text -> its place among `keys`, int32."""
    places = tf.range(len(keys), dtype=tf.int32)
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.string), places)
    return tf.lookup.StaticHashTable(initializer, default)
