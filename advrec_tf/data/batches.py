"""Batches for `fit`: epochs that depend on (seed, epoch) and on nothing else.

Every dataset is endless, one epoch after another, each in an order of its own; `fit` is
given `steps_per_epoch`. Because an epoch's order is a function of its number, training
that was stopped after epoch n and goes on from there sees what an unbroken run would
have seen. Each batch carries `seed` [2] int32, different for every batch: models draw
their in-graph noise from it (stateless), so noise is repeatable too, and the clean and the
perturbed pass of one step see the same noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.schema import features_of

CONTEXT = "context/"
"""Stands before the name of a column of the context in a batch."""

POOL = 16
"""Batches among which examples are sorted where a batch is to hold those of about one size."""


@dataclasses.dataclass(frozen=True)
class Batches:
    """An endless dataset that can start at any epoch. Iterating over it gives the first epoch, and
    `fit` of every model takes it as it is.

    Attributes:
        steps_per_epoch: elements of the dataset in one epoch.
        dataset: first epoch (0-based) -> the dataset from there on.
        order: the same before its examples are read: `index` [batch] and `seed` [2] an element.
            None where a batch is more than what `read` makes of one element.
        read: an element of `order`, or several with a leading axis, -> what `dataset` has there.
    """

    steps_per_epoch: int
    dataset: Callable[[int], tf.data.Dataset]
    order: Callable[[int], tf.data.Dataset] | None = None
    read: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] | None = None

    def __iter__(self) -> Iterator:
        """The elements of the first epoch: `dataset(0)`, of which `steps_per_epoch` are taken."""
        return iter(self.dataset(0).take(self.steps_per_epoch))


def _read_in_order(steps: int, order: Callable[[int], tf.data.Dataset], read) -> Batches:
    """The batches that `read` makes of the elements of `order`."""
    return Batches(steps, lambda first: order(first).map(read).prefetch(4), order, read)


def shuffled_index(
    count: int,
    batch_size: int,
    seed: int,
    first_epoch: int,
    *,
    sizes: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Positions [batch_size] int32, each once an epoch, with the seed of the batch.

    The last batch of an epoch is filled up from its start, so that all batches have one shape.

    Args:
        sizes: [count] of each example; where given, the examples of `POOL` batches are sorted by
            size, so that those of a batch have about one. The batches are shuffled again, and the
            examples of each, since what takes the first examples of a batch would get its smallest.
    """
    steps = -(-count // batch_size)
    grouped = None if sizes is None else tf.constant(sizes, tf.int32)

    def epoch_index(epoch):
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), key)
        wrapped = tf.tile(order, [-(-steps * batch_size // count)])[: steps * batch_size]
        if grouped is not None:
            wrapped = _by_size(wrapped, grouped, batch_size, key + 2)
        seeds = tf.random.stateless_uniform(
            [steps, 2], key + 1, minval=None, maxval=None, dtype=tf.int32
        )
        return tf.data.Dataset.from_tensor_slices(
            {"index": tf.reshape(wrapped, [steps, batch_size]), "seed": seeds}
        )

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    options = tf.data.Options()
    # The pipeline is a few gathers: rewriting it costs more than it saves.
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return epochs.flat_map(epoch_index).with_options(options)


def _by_size(order, sizes, batch_size: int, key) -> tf.Tensor:
    """`order` with the examples of each pool sorted by size and cut into batches; the batches are
    in random order, and so are the examples of each."""
    pools = tf.range(tf.size(order)) // (POOL * batch_size)
    ranks = pools * (tf.reduce_max(sizes) + 1) + tf.gather(sizes, order)
    ordered = tf.gather(order, tf.argsort(ranks, stable=True))
    batches = tf.reshape(ordered, [-1, batch_size])
    places = tf.argsort(tf.random.stateless_uniform(tf.shape(batches), key + 1))
    batches = tf.gather(batches, places, batch_dims=1)
    shuffled = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(batches)[0]), key)
    return tf.reshape(tf.gather(batches, shuffled), [-1])


def in_blocks(batches: Batches, steps: int = 200) -> Batches:
    """Batches, a block of about `steps` of them an element: what compiled blocks are fed.

    Every tensor gets a leading axis of steps. All blocks of an epoch are equally long, so
    that one compiled function serves them: where `steps_per_epoch` does not divide, an epoch
    has a few steps more (the next ones of the endless dataset). An epoch is still a function
    of (seed, epoch) alone.

    Raises:
        ValueError: if `steps` < 1.
    """
    if steps < 1:
        raise ValueError(f"`steps` should be >= 1. Received: {steps!r}.")
    blocks = -(-batches.steps_per_epoch // steps)
    length = -(-batches.steps_per_epoch // blocks)

    def dataset(first_epoch: int) -> tf.data.Dataset:
        # With a surplus an epoch reaches into the next: start where it would have.
        done = first_epoch * blocks * length
        epoch, skipped = divmod(done, batches.steps_per_epoch)
        # Where it is possible the examples of a block are read at once.
        made = batches.dataset if batches.order is None else batches.order
        found = made(epoch).skip(skipped).batch(length, drop_remainder=True)
        return (found if batches.read is None else found.map(batches.read)).prefetch(2)

    return Batches(blocks, dataset)


def of_index(index: np.ndarray, *, batch_size: int, seed: int, name: str) -> Batches:
    """Batches of indices: `name` [batch] int32, `weight` [batch] of ones, `seed` [2].

    Raises:
        ValueError: if there is no index, `batch_size` < 1, or one is not a whole number in
            0..2147483647, such as an id of text.
    """
    return _of_columns({name: _checked_index(index, "index")}, batch_size, seed)


def _of_columns(columns: Mapping[str, np.ndarray], batch_size: int, seed: int) -> Batches:
    """Batches of columns [n] of int32, with a `weight` of ones and the `seed`."""
    count = len(next(iter(columns.values())))
    _require_examples(count, batch_size)
    batch_size = min(batch_size, count)
    values = {name: tf.constant(column, tf.int32) for name, column in columns.items()}

    def read(batch):
        found = {name: tf.gather(column, batch["index"]) for name, column in values.items()}
        return {
            **found,
            "weight": tf.ones_like(batch["index"], tf.float32),
            "seed": batch["seed"],
        }

    return _read_in_order(
        -(-count // batch_size),
        lambda first_epoch: shuffled_index(count, batch_size, seed, first_epoch),
        read,
    )


def of_users(users: np.ndarray, *, batch_size: int, seed: int) -> Batches:
    """Batches of users: `of_index` under the name `user_index`.

    Args:
        users: [n] indices of users, not their ids: `interactions.users.index_of(ids)` has them.
        batch_size: users in a batch.
        seed: of the order.

    Raises:
        ValueError: as `of_index`. That an index is one of the training data is told when a model
            looks it up.
    """
    return _of_columns({"user_index": _checked_index(users, "users")}, batch_size, seed)


def of_pairs(
    data: Interactions | AugmentedInteractions,
    *,
    batch_size: int,
    seed: int,
    sample_weight: np.ndarray | None = None,
) -> Batches:
    """Batches of positive pairs for retrieval models.

    Each holds `user_index`, `item_index` [n] int32, `weight` [n] float32, `generated` [n] bool
    and `seed` [2] int32, and where real interactions alone are given `label` [n] float32 if they
    have ratings, NaN where one has none, and the encoded columns of their context, see
    `context_columns`. Without generated interactions n is `batch_size`; with them `fraction *
    batch_size` generated ones are appended to each batch, drawn in an order of their own.

    Args:
        data: the interactions, or real ones with generated ones.
        batch_size: real interactions in a batch.
        seed: of the order.
        sample_weight: [real interactions] the `weight` of each; 1 by default.

    Raises:
        ValueError: if there is no real interaction, `batch_size` < 1, or `sample_weight` does not
            hold one finite number >= 0 for each.
    """
    augmented = data if isinstance(data, AugmentedInteractions) else None
    real = data if augmented is None else augmented.real
    _require_examples(len(real), batch_size)
    batch_size = min(batch_size, len(real))
    users = tf.constant(real.user_index)
    items = tf.constant(real.item_index)

    weights = tf.constant(_checked_weights(sample_weight, len(real)))
    labels = None
    if augmented is None and real.rating is not None:
        labels = tf.constant(real.rating, tf.float32)
    contexts = {}
    if augmented is None:
        contexts = {name: tf.constant(value) for name, value in context_columns(real).items()}

    def real_batch(batch):
        columns = {
            "user_index": tf.gather(users, batch["index"]),
            "item_index": tf.gather(items, batch["index"]),
            "weight": tf.gather(weights, batch["index"]),
            "generated": tf.zeros_like(batch["index"], tf.bool),
            "seed": batch["seed"],
        }
        if labels is not None:
            columns["label"] = tf.gather(labels, batch["index"])
        columns |= {name: tf.gather(value, batch["index"]) for name, value in contexts.items()}
        return columns

    extra = 0
    if augmented is not None:
        extra = min(int(round(augmented.fraction * batch_size)), len(augmented))
    if extra:
        extra_users = tf.constant(augmented.user_index)
        extra_items = tf.constant(augmented.item_index)

    def with_generated(batch, generated):
        chosen = generated["index"]
        appended = {
            "user_index": tf.gather(extra_users, chosen),
            "item_index": tf.gather(extra_items, chosen),
            "weight": tf.fill([extra], tf.constant(augmented.weight, tf.float32)),
            "generated": tf.ones(extra, tf.bool),
        }
        joined = {name: tf.concat([batch[name], appended[name]], 0) for name in appended}
        return {**joined, "seed": batch["seed"]}

    steps = -(-len(real) // batch_size)

    def order(first_epoch: int) -> tf.data.Dataset:
        return shuffled_index(len(real), batch_size, seed, first_epoch)

    if not extra:
        return _read_in_order(steps, order, real_batch)

    def dataset(first_epoch: int) -> tf.data.Dataset:
        # The generated stream has its own epochs; skip what the earlier ones used.
        generated_steps = -(-len(augmented) // extra)
        done = first_epoch * steps
        generated = shuffled_index(len(augmented), extra, seed + 1, done // generated_steps).skip(
            done % generated_steps
        )
        batches = tf.data.Dataset.zip((order(first_epoch).map(real_batch), generated))
        return batches.map(with_generated).prefetch(4)

    return Batches(steps, dataset)


def context_columns(interactions: Interactions) -> dict[str, np.ndarray]:
    """The encoded context of each interaction, [n] or [n, width] under `CONTEXT` + column name."""
    if interactions.context is None:
        return {}
    found = features_of(interactions.context, interactions.schema.context)
    return {CONTEXT + name: value for name, value in found.values.items()}


def of_triples(graph: KnowledgeGraph, *, batch_size: int, seed: int) -> Batches:
    """Batches of facts: `head`, `relation`, `tail` [batch] int32, `weight` [batch] of ones,
    `seed` [2].

    Raises:
        ValueError: if there is no triple or `batch_size` < 1.
    """
    columns = {"head": graph.heads, "relation": graph.relations, "tail": graph.tails}
    return _of_columns(columns, batch_size, seed)


def _require_examples(count: int, batch_size: int) -> None:
    if count < 1:
        raise ValueError("Batches should have an example to draw from. Received none.")
    if batch_size < 1:
        raise ValueError(f"`batch_size` should be >= 1. Received: {batch_size!r}.")


def _checked_index(index: Sequence | np.ndarray, name: str) -> np.ndarray:
    found = np.asarray(index)
    if found.ndim == 1 and not found.size:
        return found.astype(np.int32)
    whole = found.ndim == 1 and found.dtype.kind in "iu"
    if whole and found.min() >= 0 and found.max() <= np.iinfo(np.int32).max:
        return found.astype(np.int32)
    shown = f"shape {found.shape}"
    if found.ndim == 1:
        wrong = found[(found < 0) | (found > np.iinfo(np.int32).max)] if whole else found
        shown = repr(wrong.tolist()[0])
    hint = ", which `interactions.users.index_of(ids)` gives" if name == "users" else ""
    raise ValueError(
        f"`{name}` should hold indices, whole numbers in 0..2147483647{hint}. Received: {shown}."
    )


def _checked_weights(weight: np.ndarray | None, count: int) -> np.ndarray:
    if weight is None:
        return np.ones(count, np.float32)
    weight = np.asarray(weight, np.float32)
    if weight.shape != (count,) or not (np.isfinite(weight).all() and weight.min() >= 0):
        raise ValueError(
            f"`sample_weight` should hold {count} finite numbers >= 0. "
            f"Received: shape {weight.shape}, least {weight.min(initial=np.inf)}."
        )
    return weight
