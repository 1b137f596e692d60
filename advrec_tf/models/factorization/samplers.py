"""Samplers of the items that a positive is compared with, drawn from inside compiled functions.

    pair(inputs, score, tables)             one negative a positive
    shared(item_index, candidates, seed)    a set that the batch shares, with the logarithms of
                                            its probabilities that a softmax corrects by

They are made by the settings in `negatives`, which say what each draws.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.histories import PairTable
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.replicas import of_global_batch, own_rows
from advrec_tf.ops.random import gumbel_choice, random_floats, random_indices, stream
from advrec_tf.ops.reductions import row_dot
from advrec_tf.ops.servers import for_workers

MAX_PAIR_TABLE_BYTES = 2**31
DEFAULT_CANDIDATES = 512

Tensors = dict[str, tf.Tensor]


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
    return PairTable(interactions)


def new_table(
    size: int, width: int, initializer: keras.initializers.Initializer, name: str
) -> keras.layers.Embedding:
    """An embedding layer whose table [size, width] exists from the start."""
    layer = keras.layers.Embedding(size, width, initializer, name=name)
    layer.build(None)
    return layer


class Sampler(tf.Module):
    """The base: what a sampler offers beside its draws. Only that of a `Generator` has tables."""

    def __init__(self, interactions: Interactions):
        super().__init__(name="negative_sampler")
        self.num_items = interactions.num_items

    def embedding_tables(self) -> dict[str, keras.layers.Embedding]:
        """The tables that are trained beside the model."""
        return {}

    def lookups(self, inputs: Tensors) -> dict[str, tuple[str, tf.Tensor]]:
        """Lookup -> (table, indices), in those tables."""
        return {}

    def policy_term(self, rows: Tensors, inputs: Tensors, row_losses: tf.Tensor) -> tf.Tensor:
        """`row_losses` [batch] with what trains the sampler, of value zero, added."""
        return row_losses

    def pair(self, inputs: Tensors, score: Callable, tables: Tensors) -> Tensors:
        """`inputs` with `negative` [batch] int32, one item a positive.

        Args:
            inputs: a batch.
            score: (users [batch], items [batch, n]) -> [batch, n], by the present weights.
            tables: the present values of `embedding_tables`.
        """
        return {**inputs, "negative": self.one_each(inputs["item_index"], inputs["seed"])}

    def one_each(self, item_index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Positives [batch] int32, seed [2] -> negatives [batch] int32, regardless of scores."""
        raise NotImplementedError(f"{type(self).__name__} does not define `one_each`.")

    def shared(
        self, item_index: tf.Tensor, candidates: int | None, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Positives [batch] -> items [m] int32 and log(num_items * q) [m] float32.

        q is the probability with which one place of the set holds the item: the log-Q
        correction subtracts it (Bengio & Senecal 2008; Yi et al. 2019).

        Args:
            item_index: [batch] int32, the positives.
            candidates: m, by default `DEFAULT_CANDIDATES`. In-batch candidates are the first m
                positives, by default all; mixed ones are all positives and m uniform items.
            seed: [2] int32.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `shared`.")


class UniformSampler(Sampler):
    """See `Uniform`."""

    def one_each(self, item_index, seed):
        return own_rows(
            lambda count: random_indices([count], seed, self.num_items), tf.shape(item_index)[0]
        )

    def shared(self, item_index, candidates, seed):
        count = candidates or DEFAULT_CANDIDATES
        return random_indices([count], seed, self.num_items), tf.zeros([count])


class PopularitySampler(Sampler):
    """See `ByPopularity`: Walker's alias method, whose draw costs the same for any catalogue."""

    def __init__(self, interactions: Interactions, exponent: float):
        super().__init__(interactions)
        counts = interactions.item_counts().astype(np.float64)
        weights = counts**exponent * (counts > 0)
        probability = weights / weights.sum()
        threshold, alternative = alias_table(probability)
        self._threshold = tf.constant(threshold, tf.float32)
        self._alternative = tf.constant(alternative, tf.int32)
        tiny = np.finfo(np.float32).tiny
        self._log_ratio = tf.constant(
            np.log(np.maximum(probability * self.num_items, tiny)), tf.float32
        )

    def one_each(self, item_index, seed):
        return own_rows(lambda count: self._draw([count], seed), tf.shape(item_index)[0])

    def shared(self, item_index, candidates, seed):
        items = self._draw([candidates or DEFAULT_CANDIDATES], seed)
        return items, tf.gather(for_workers(self._log_ratio), items)

    def _draw(self, shape, seed):
        place = random_indices(shape, seed, self.num_items)
        threshold = for_workers(self._threshold)
        keep = random_floats(shape, stream(seed, "alias table")) < tf.gather(threshold, place)
        return tf.where(keep, place, tf.gather(for_workers(self._alternative), place))


class InBatchSampler(Sampler):
    """See `InBatch`."""

    def __init__(self, interactions: Interactions):
        super().__init__(interactions)
        self._total = float(len(interactions))
        self._item_counts = tf.constant(interactions.item_counts(), tf.float32)

    def one_each(self, item_index, seed):
        return other_positives(item_index, seed)

    def shared(self, item_index, candidates, seed):
        require_negatives(item_index)
        items = of_global_batch([item_index])[0][:candidates]
        # An item of the batch has an interaction; that of a generated pair is not counted.
        counts = tf.maximum(tf.gather(for_workers(self._item_counts), items), 1.0)
        return items, tf.math.log(counts * (self.num_items / self._total))


class MixedSampler(InBatchSampler):
    """See `Mixed`."""

    def one_each(self, item_index, seed):
        def draw(count):
            uniform = random_indices([count], stream(seed, "uniform half"), self.num_items)
            from_batch = tf.range(count) % 2 == 0
            return tf.where(from_batch, shifted(of_global_batch([item_index])[0], seed), uniform)

        require_negatives(item_index)
        return own_rows(draw, tf.shape(item_index)[0])

    def shared(self, item_index, candidates, seed):
        count = candidates or DEFAULT_CANDIDATES
        items = of_global_batch([item_index])[0]
        items = tf.concat([items, random_indices([count], seed, self.num_items)], 0)
        uniform = count / tf.cast(tf.shape(items)[0], tf.float32)
        by_count = tf.gather(for_workers(self._item_counts), items) * (self.num_items / self._total)
        return items, tf.math.log((1.0 - uniform) * by_count + uniform)


class HardestSampler(Sampler):
    """See `DNS`.

    Args:
        candidates: uniform items a positive.
        setting: the name of the class of settings, for the error.

    Raises:
        ValueError: if the catalogue is too large for the table of known pairs.
    """

    def __init__(self, interactions: Interactions, candidates: int, *, setting: str = "DNS"):
        super().__init__(interactions)
        self._candidates = candidates
        self._known = known_pairs(interactions, f"`{setting}`")

    def candidates(self, user_index: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch] -> uniform items [batch, candidates] int32, and which of them are open: not
        known to be the user's."""
        items = own_rows(
            lambda count: random_indices([count, self._candidates], seed, self.num_items),
            tf.shape(user_index)[0],
        )
        return items, ~self._known.known_pairs(user_index, items)

    def pair(self, inputs, score, tables):
        """Adds `candidates`, `open`, `chosen` (the place of the choice) and `negative`. An
        example without an open candidate has no negative in this batch and gets weight 0."""
        user, seed = inputs["user_index"], inputs["seed"]
        candidates, is_open = self.candidates(user, seed)
        chosen = self.choose(user, candidates, is_open, seed, score, tables)
        return {
            **inputs,
            "weight": tf.where(tf.reduce_any(is_open, 1), inputs["weight"], 0.0),
            "candidates": candidates,
            "open": is_open,
            "chosen": chosen,
            "negative": tf.gather(candidates, chosen, batch_dims=1),
        }

    def choose(self, user, candidates, is_open, seed, score, tables) -> tf.Tensor:
        """[batch] int32, the place of the choice among the candidates."""
        scores = tf.where(is_open, score(user, candidates), -np.inf)
        return tf.argmax(scores, 1, output_type=tf.int32)


class GeneratorSampler(HardestSampler):
    """See `Generator`; the tables, `dim` wide, are trained by the optimizer of the model."""

    def __init__(
        self,
        interactions: Interactions,
        candidates: int,
        *,
        dim: int,
        initial_scale: float,
        seed: int,
    ):
        super().__init__(interactions, candidates, setting="Generator")

        def table(size, name, seed):
            initializer = keras.initializers.RandomNormal(stddev=initial_scale, seed=seed)
            return new_table(size, dim, initializer, name)

        self.users = table(interactions.num_users, "generator_users", 2 * seed + 101)
        self.items = table(interactions.num_items, "generator_items", 2 * seed + 102)

    def embedding_tables(self):
        return {"generator_users": self.users, "generator_items": self.items}

    def lookups(self, inputs):
        return {
            "generator_user": ("generator_users", inputs["user_index"]),
            "generator_item": ("generator_items", inputs["candidates"]),
        }

    def choose(self, user, candidates, is_open, seed, score, tables):
        users, items = tables["generator_users"], tables["generator_items"]
        logits = row_dot(tf.gather(users, user)[:, None], tf.gather(items, candidates))
        return gumbel_choice(logits, is_open, stream(seed, "generator's choice"))

    def policy_term(self, rows, inputs, row_losses):
        logits = row_dot(rows["generator_user"][:, None], rows["generator_item"])
        return row_losses + policy_gradient(logits, inputs["open"], inputs["chosen"], row_losses)


def policy_gradient(
    logits: tf.Tensor, is_open: tf.Tensor, chosen: tf.Tensor, rewards: tf.Tensor
) -> tf.Tensor:
    """[batch] of zeros whose gradient by the logits is the policy gradient of a generator.

    REINFORCE (Williams 1992) of the reward, less its mean over the batch, to be minimized:
    -(reward - mean) log p(chosen), p the softmax over the open places.

    Args:
        logits: [batch, n] float32.
        is_open: [batch, n] bool.
        chosen: [batch] int32, the places drawn.
        rewards: [batch] float32; constants to the gradient.
    """
    log_p = tf.nn.log_softmax(tf.where(is_open, logits, -1e9), 1)
    log_p = tf.gather(log_p, chosen, batch_dims=1)
    advantage = tf.stop_gradient(rewards - tf.reduce_mean(rewards))
    return -advantage * (log_p - tf.stop_gradient(log_p))


def require_negatives(item_index: tf.Tensor) -> None:
    """Refuse a batch whose one example leaves no in-batch negative, where the size is static.

    Raises:
        ValueError: if the batch has one example.
    """
    if item_index.shape[0] == 1:
        raise ValueError(
            "`batch_size` should be >= 2 where negatives come from the batch: a batch of one "
            "has none, so its loss is 0 and nothing is learned. Received a batch of 1."
        )


def other_positives(item_index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """[batch] -> for each another positive of the batch, see `shifted`."""
    require_negatives(item_index)
    return own_rows(
        lambda _: shifted(of_global_batch([item_index])[0], seed), tf.shape(item_index)[0]
    )


def shifted(item_index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """[batch] -> the same items, each moved by one random number of places, >= 1."""
    batch = tf.shape(item_index)[0]
    shift = 1 + random_indices([1], seed, 2**30)[0] % tf.maximum(batch - 1, 1)
    return tf.gather(item_index, (tf.range(batch) + shift) % batch)


def alias_table(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's alias method: [n] probabilities -> thresholds [n] and alternatives [n].

    A draw takes a uniform place and keeps it with its threshold, else takes its alternative.
    """
    size = len(probability)
    threshold = probability * size
    alternative = np.arange(size)
    small = list(np.flatnonzero(threshold < 1.0))
    large = list(np.flatnonzero(threshold >= 1.0))
    while small and large:
        low, high = small.pop(), large[-1]
        alternative[low] = high
        threshold[high] -= 1.0 - threshold[low]
        if threshold[high] < 1.0:
            small.append(large.pop())
    threshold[small] = 1.0  # what rounding has left over
    return threshold, alternative
