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
    inputs: Mapping[str, tf.Tensor], interactions: Interactions, seed: tf.Tensor
) -> dict[str, tf.Tensor]:
    """A batch with `user_index` and `item_index`, or `user_id` and `item_id`, [batch] each, and
    what else models read.

    Added where they are absent: the indices of ids; `weight` of ones, `generated` of False; the
    `seed` [2] int32 given here, which should be the same on all replicas of a strategy and another
    at each training step; `label` from `rating`; the encoded columns of the context from raw ones
    under their names.

    Raises:
        ValueError: if the batch is no dict, or has neither users nor items, or is a single row or a
            block of steps.
        tf.errors.InvalidArgumentError: in training, if an id is not of the training interactions,
            or a weight is negative or not finite.
    """
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "A batch should be a dict of tensors with `user_index` and `item_index`, or `user_id` "
            f"and `item_id`, as `batches.of_pairs` makes it. Received: {type(inputs).__name__}."
        )
    require_single(inputs)
    found = dict(inputs)
    for name in (name for pair in _IDS for name in pair):
        if name in found and tf.convert_to_tensor(found[name]).shape.rank == 0:
            raise ValueError(
                f"`{name}` should be of a batch, [batch]: a dataset of single rows is batched by "
                "`dataset.batch(256)`. Received: a single value."
            )
    for index, name in _IDS:
        if index not in found and name in found:
            found[index] = _index_of(found[name], getattr(interactions.schema, name))
    if "user_index" not in found:
        return found
    size = tf.shape(found["user_index"])[0]
    if "weight" not in found:
        found["weight"] = tf.ones([size])
    elif "generated" not in found:  # else it is a batch of `data.batches`
        found["weight"] = _checked_weight(found["weight"])
    found.setdefault("generated", tf.zeros([size], tf.bool))
    if "rating" in found:
        found.setdefault("label", tf.cast(found["rating"], tf.float32))
    if "seed" in found:
        found["seed"] = seed_of_all(found["seed"])
    else:
        found["seed"] = seed
    if interactions.context is not None:
        for column in interactions.schema.context:
            if column.name in found:
                found.setdefault(CONTEXT + column.name, column.encode(found[column.name]))
    return found


def require_single(inputs: Mapping[str, tf.Tensor]) -> None:
    """ValueError if a batch is a block of steps."""
    seed = inputs.get("seed")
    if seed is not None and tf.convert_to_tensor(seed).shape.rank == 2:
        raise ValueError(
            "A batch should be a single one, whose `seed` is [2]. Blocks of steps "
            "(`batches.in_blocks`) are for training a model of embedding tables alone, such as "
            "MatrixFactorization, or an `AdversarialTraining` of it without `layers`; else train "
            f"on `batches.of_pairs`. Received: a block with `seed` {seed.shape}."
        )


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
    strange = tf.boolean_mask(ids, index >= unknown)
    known = tf.debugging.Assert(
        tf.size(strange) == 0,
        [
            f"`{column.name}` should hold ids of the training interactions. Of this batch so many "
            "are none:",
            tf.size(strange),
            "which are:",
            strange,
        ],
        summarize=10,
    )
    with tf.control_dependencies([] if known is None else [known]):
        return tf.identity(index)


def _checked_weight(weight: tf.Tensor) -> tf.Tensor:
    """The weights of a batch as float32, refused where one is negative or not finite."""
    weight = tf.cast(weight, tf.float32)
    wrong = tf.boolean_mask(weight, ~((weight >= 0) & tf.math.is_finite(weight)))
    right = tf.debugging.Assert(
        tf.size(wrong) == 0,
        ["`weight` should hold finite numbers >= 0. Received in this batch:", wrong],
        summarize=10,
    )
    with tf.control_dependencies([] if right is None else [right]):
        return tf.identity(weight)
