"""Batches of a pipeline of one's own, completed to what the models of this package train on.

A `tf.data` of `user_id` and `item_id` alone is enough. What batches of `data.batches` have is left
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from advrec_tf.data.batches import CONTEXT
from advrec_tf.data.features import Id
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.replicas import seed_of_all

_IDS = (("user_index", "user_id"), ("item_index", "item_id"))


def complete(
    inputs: Mapping[str, tf.Tensor], interactions: Interactions, step: tf.Tensor | int
) -> dict[str, tf.Tensor]:
    """A batch with `user_index` and `item_index`, or `user_id` and `item_id`, [batch] each, and
    what else models read.

    Added where they are absent: the indices of ids; `weight` of ones, `generated` of False, `seed`
    from the training step, the same on all replicas of a strategy; `label` from `rating`; the
    encoded columns of the context from raw ones under their names.

    Raises:
        ValueError: if the batch is no dict, or has neither users nor items.
        tf.errors.InvalidArgumentError: in training, if an id is not of the training interactions.
    """
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "A batch should be a dict of tensors with `user_index` and `item_index`, or `user_id` "
            f"and `item_id`, as `batches.of_pairs` makes it. Received: {type(inputs).__name__}."
        )
    found = dict(inputs)
    for index, name in _IDS:
        if index not in found and name in found:
            found[index] = _index_of(found[name], getattr(interactions.schema, name))
    if "user_index" not in found:
        return found
    size = tf.shape(found["user_index"])[0]
    found.setdefault("weight", tf.ones([size]))
    found.setdefault("generated", tf.zeros([size], tf.bool))
    if "rating" in found:
        found.setdefault("label", tf.cast(found["rating"], tf.float32))
    if "seed" in found:
        found["seed"] = seed_of_all(found["seed"])
    else:
        found["seed"] = tf.stack([0, tf.cast(step, tf.int32)])
    if interactions.context is not None:
        for column in interactions.schema.context:
            if column.name in found:
                found.setdefault(CONTEXT + column.name, column.encode(found[column.name]))
    return found


def require_pairs(inputs: Mapping[str, tf.Tensor]) -> None:
    """ValueError unless a batch has users and items."""
    missing = [index for index, _ in _IDS if index not in inputs]
    if missing:
        raise ValueError(
            "A batch should hold `user_index` and `item_index` [batch] int32, or the ids "
            "`user_id` and `item_id`, as `batches.of_pairs` makes it. Received the keys: "
            f"{', '.join(sorted(inputs))}."
        )


def _index_of(ids: tf.Tensor, column: Id) -> tf.Tensor:
    index = column.encode(ids)
    unknown = len(column.categories)
    known = tf.debugging.Assert(
        tf.reduce_all(index < unknown),
        [f"`{column.name}` should hold ids of the training interactions. Received:", ids],
    )
    with tf.control_dependencies([] if known is None else [known]):
        return tf.identity(index)
