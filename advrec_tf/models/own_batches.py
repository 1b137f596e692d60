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
from advrec_tf.data.sequences import NONE
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
            an index is out of range, or a weight is negative or not finite; XLA leaves these checks
            out, see `completed_dataset`.
    """
    found = _looked_up(inputs, interactions)
    if "user_index" not in found:
        return found
    found["seed"] = seed_of_all(found["seed"]) if "seed" in found else seed
    return found


def completed_dataset(data, interactions: Interactions, *, compiled: bool):
    """A dataset whose batches are completed, but for their `seed`, on the way to the training step.

    A step that XLA compiles can neither look up ids nor refuse a value; here it need not. What is
    no dataset of dicts, and one of batches of `data.batches`, is returned as it is.

    Args:
        data: as `fit` takes it.
        compiled: whether XLA compiles the step; then text is left out of the batches.

    Raises:
        ValueError: as `complete`.
    """
    if not isinstance(data, tf.data.Dataset) or not isinstance(data.element_spec, Mapping):
        return data
    if not _of_a_pipeline(data.element_spec):
        return data
    require_single(data.element_spec)

    @tf.autograph.experimental.do_not_convert
    def completed(inputs):
        found = _looked_up(inputs, interactions)
        return {
            name: value
            for name, value in found.items()
            if not compiled or getattr(value, "dtype", None) != tf.string
        }

    return data.map(completed, num_parallel_calls=tf.data.AUTOTUNE)


def _of_a_pipeline(batch: Mapping) -> bool:
    """Whether a batch is of a pipeline of one's own: those of `data.batches` say how what is drawn
    in a step is seeded."""
    return "seed" not in batch and "generated" not in batch


def _looked_up(inputs: Mapping[str, tf.Tensor], interactions: Interactions) -> dict[str, tf.Tensor]:
    """`complete`, but for the seed."""
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
    own = _of_a_pipeline(inputs)
    sizes = {"user_index": interactions.num_users, "item_index": interactions.num_items}
    for index, name in _IDS:
        if index in found and own:
            found[index] = _checked_index(found[index], index, sizes[index])
        elif index not in found and name in found:
            found[index] = _index_of(found[name], getattr(interactions.schema, name))
    if "history" in found and own:
        history = found["history"], "history", interactions.num_items
        found["history"] = _checked_index(*history, least=NONE)
    if "user_index" not in found:
        return found
    size = tf.shape(found["user_index"])[0]
    if "weight" not in found:
        found["weight"] = tf.ones([size])
    elif "generated" not in found:
        found["weight"] = _checked_weight(found["weight"])
    found.setdefault("generated", tf.zeros([size], tf.bool))
    if "rating" in found:
        found.setdefault("label", tf.cast(found["rating"], tf.float32))
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
    return _refusing(
        index,
        tf.boolean_mask(ids, index >= len(column.categories)),
        f"`{column.name}` should hold ids of the training interactions.",
    )


def _checked_index(index: tf.Tensor, name: str, size: int, least: int = 0) -> tf.Tensor:
    """Indices as int32, refused where one is below `least` or not below `size`."""
    wrong = tf.boolean_mask(index, (index < least) | (index >= size))
    expected = f"`{name}` should lie in {least}..{size - 1}."
    return tf.cast(_refusing(index, wrong, expected), tf.int32)


def _checked_weight(weight: tf.Tensor) -> tf.Tensor:
    """The weights of a batch as float32, refused where one is negative or not finite."""
    weight = tf.cast(weight, tf.float32)
    wrong = tf.boolean_mask(weight, ~((weight >= 0) & tf.math.is_finite(weight)))
    return _refusing(weight, wrong, "`weight` should hold finite numbers >= 0.")


def _refusing(values: tf.Tensor, wrong: tf.Tensor, expected: str) -> tf.Tensor:
    """The values [batch], refused where any of them is `wrong`."""
    count = tf.size(wrong)
    said = [f"{expected} Of this batch so many are none:", count, "which are:", wrong]
    right = tf.debugging.Assert(count == 0, said, summarize=10)
    with tf.control_dependencies([] if right is None else [right]):
        return tf.identity(values)
