"""Self-attention over short sequences of items, as functional models, and drawing from them.

Items are tokens: 0 is "none" (the place before the first item and every place after the last),
item i is token i + 1. `build_sequence_generator` gives the logits of each next token from the
ones before it (causal; Kang & McAuley 2018, arXiv:1808.09781); `SequenceSampler` draws from
it in one compiled loop. Training, by likelihood or against a discriminator, is in `gan.sequences`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.towers import popularity_logits, seeded_dense

CLOSED = -1e9


class Positions(keras.layers.Layer):
    """Adds a trained vector a place: [batch, length, dim] -> the same shape."""

    def __init__(self, length: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.length, self.seed = length, seed

    def build(self, shape):
        self.places = self.add_weight(
            name="places",
            shape=[self.length, shape[-1]],
            initializer=keras.initializers.RandomNormal(stddev=0.02, seed=self.seed),
        )

    def call(self, x):
        return x + self.places[None, : tf.shape(x)[1]]


def build_sequence_generator(
    popularity: np.ndarray,
    length: int,
    *,
    dim: int = 48,
    blocks: int = 1,
    heads: int = 2,
    attribute_width: int = 0,
    dropout: float = 0.1,
    seed: int = 0,
) -> keras.Model:
    """{"tokens": [batch, length] int32, the place before each item to come[, "attributes":
    [batch, attribute_width]]} -> logits [batch, length, items + 1] of the tokens to come.

    The last layer, `next_token`, reads `states` [batch, length, dim]; its bias starts at
    `popularity` [items], log interactions of an item, and at their least for "none".
    """
    inputs = {"tokens": keras.Input(shape=(length,), dtype="int32", name="tokens")}
    tokens = len(popularity) + 1
    seeds = iter(range(seed, seed + 1000))
    x = keras.layers.Embedding(
        tokens,
        dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05, seed=next(seeds)),
        name="token_embedding",
    )(inputs["tokens"])
    x = Positions(length, seed=next(seeds), name="positions")(x)
    if attribute_width:
        inputs["attributes"] = keras.Input(shape=(attribute_width,), name="attributes")
        known = seeded_dense(dim, next(seeds), name="attributes_projection")(inputs["attributes"])
        x = x + keras.layers.Reshape((1, dim), name="at_every_place")(known)
    for i in range(blocks):
        x = _block(x, f"block_{i}", dim, heads, dropout, seeds, causal=True)
    states = keras.layers.LayerNormalization(name="states")(x)
    bias = np.concatenate([[np.min(popularity)], popularity]).astype(np.float32)
    logits = popularity_logits(bias, stddev=0.02, seed=next(seeds), name="next_token")(states)
    return keras.Model(inputs, logits, name="sequence_generator")


def build_sequence_discriminator(
    num_tokens: int,
    length: int,
    *,
    dim: int = 48,
    heads: int = 2,
    attribute_width: int = 0,
    seed: int = 0,
) -> keras.Model:
    """One-hot tokens, concatenated, [batch, length * num_tokens], followed by the attributes
    where there are any -> logit [batch, 1].

    It reads every place at once (not causal), and pairs of neighbors through a convolution.
    """
    width = length * num_tokens
    sample = keras.Input(shape=(width + attribute_width,), name="sequence")
    seeds = iter(range(seed, seed + 1000))
    flat = keras.layers.Lambda(lambda x: x[:, :width], name="tokens")(sample)
    x = keras.layers.Reshape((length, num_tokens), name="places")(flat)
    x = seeded_dense(dim, next(seeds), name="token_vectors", use_bias=False)(x)
    x = Positions(length, seed=next(seeds), name="positions")(x)
    x = _block(x, "block", dim, heads, 0.0, seeds, causal=False)
    pairs = keras.layers.Conv1D(
        dim,
        2,
        activation="leaky_relu",
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        name="neighbors",
    )(x)
    parts = [
        keras.layers.GlobalMaxPooling1D(name="largest")(pairs),
        keras.layers.GlobalAveragePooling1D(name="mean")(x),
    ]
    if attribute_width:
        known = keras.layers.Lambda(lambda x: x[:, width:], name="attributes")(sample)
        parts.append(seeded_dense(dim, next(seeds), name="attributes_projection")(known))
    x = keras.layers.Concatenate(name="joined")(parts)
    x = seeded_dense(dim, next(seeds), name="hidden", activation="leaky_relu")(x)
    logit = seeded_dense(1, next(seeds), name="logit")(x)
    return keras.Model(sample, logit, name="sequence_discriminator")


def _block(x, name, dim, heads, dropout, seeds, *, causal):
    """Attention and a two-layer network, each on the normalized input and added to it."""
    attention = keras.layers.MultiHeadAttention(
        heads,
        dim // heads,
        dropout=dropout,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        name=f"{name}_attention",
    )
    unit = keras.layers.LayerNormalization(name=f"{name}_before_attention")(x)
    x = x + attention(unit, unit, use_causal_mask=causal)
    unit = keras.layers.LayerNormalization(name=f"{name}_before_hidden")(x)
    hidden = seeded_dense(2 * dim, next(seeds), name=f"{name}_hidden", activation="relu")(unit)
    return x + seeded_dense(dim, next(seeds), name=f"{name}_output")(hidden)


def tokens_of(items: np.ndarray) -> np.ndarray:
    """[..., length] items, -1 after the end -> tokens, same shape."""
    return (np.asarray(items) + 1).astype(np.int32)


def items_of(tokens: np.ndarray) -> np.ndarray:
    """The way back."""
    return (np.asarray(tokens) - 1).astype(np.int32)


def before(tokens: tf.Tensor) -> tf.Tensor:
    """[batch, length] -> the same a place later, "none" first: what a generator reads."""
    return tf.concat([tf.zeros_like(tokens[:, :1]), tokens[:, :-1]], axis=1)


def closed_tokens(tokens: tf.Tensor, num_tokens: int, *, repeats: bool) -> tf.Tensor:
    """[batch, length] -> bool [batch, length, num_tokens], what may not stand at a place.

    Nothing but an item at the first; nothing but "none" once there is one; and without
    `repeats` no item that stands before.
    """
    previous = before(tokens)
    place = tf.range(tf.shape(tokens)[1])
    over = (previous == 0) & (place > 0)[None, :]
    is_item = tf.range(num_tokens) > 0
    closed = over[:, :, None] & is_item[None, None, :]
    closed |= (place == 0)[None, :, None] & ~is_item[None, None, :]
    if not repeats:
        # An entry is over 0 once the token stands before; "none" may come again.
        seen = tf.cumsum(tf.one_hot(previous, num_tokens), axis=1) > 0
        closed |= seen & is_item[None, None, :]
    return closed


class SequenceSampler(tf.Module):
    """Draws sequences from a generator, place after place, with noise given beforehand.

    Args:
        generator: as `build_sequence_generator` gives it.
    """

    def __init__(self, generator: keras.Model):
        super().__init__(name="sequence_sampler")
        self.length = generator.input["tokens"].shape[1]
        self._states = keras.Model(generator.input, generator.get_layer("states").output)
        self._last = generator.get_layer("next_token")
        self.num_tokens = self._last.units

    def draw(self, inputs: dict, start: tf.Tensor, noise: tf.Tensor, *, repeats: bool) -> tf.Tensor:
        """Tokens [batch, length] int32 that are largest by logits plus noise at every place.

        Args:
            inputs: of the generator, without `tokens`.
            start: [batch, given] int32 tokens of items, given <= length, kept as they are.
            noise: [batch, length, tokens]; Gumbel noise draws by the softmax's chances, zeros
                take the likeliest.
            repeats: whether an item may come twice.
        """
        batch, given = tf.shape(noise)[0], tf.shape(start)[1]
        tokens = tf.concat([start, tf.zeros([batch, self.length - given], tf.int32)], axis=1)
        tokens = tf.ensure_shape(tokens, [None, self.length])
        is_item = tf.range(self.num_tokens) > 0
        seen = tf.zeros([batch, self.num_tokens], tf.bool)
        if not repeats:
            seen |= tf.reduce_any(tf.one_hot(start, self.num_tokens, True, False), axis=1)

        def step(place, tokens, seen):
            states = self._states({**inputs, "tokens": before(tokens)}, training=False)
            logits = self._last(states[:, place]) + noise[:, place]
            # The rules of `closed_tokens`, for one place.
            over = (before(tokens)[:, place] == 0) & (place > 0)
            closed = (over[:, None] & is_item) | ((place == 0) & ~is_item) | (seen & is_item)
            drawn = tf.argmax(tf.where(closed, CLOSED, logits), axis=-1, output_type=tf.int32)
            if not repeats:
                seen |= tf.one_hot(drawn, self.num_tokens, True, False)
            here = tf.range(self.length) == place
            return place + 1, tf.where(here[None, :], drawn[:, None], tokens), seen

        _, tokens, _ = tf.while_loop(
            lambda place, *_: place < self.length,
            step,
            (given, tokens, seen),
            parallel_iterations=1,
        )
        return tokens


def checked_start(start, n: int, num_items: int, length: int) -> np.ndarray:
    """Start items [given] or [n, given] as [n, given] int32.

    Raises:
        ValueError: if the shape does not fit, there are `length` of them or more, or one is no
            item.
    """
    start = np.zeros((n, 0), np.int32) if start is None else np.asarray(start, np.int32)
    if start.ndim == 1:
        start = np.tile(start, (n, 1))
    if start.ndim != 2 or len(start) != n or start.shape[1] >= length:
        raise ValueError(
            f"`start` should be [given] or [{n}, given] with given < {length}. "
            f"Received shape: {start.shape}."
        )
    if start.size and not 0 <= start.min() <= start.max() < num_items:
        raise ValueError(
            f"`start` should hold item indices in 0..{num_items - 1}. "
            f"Received: {start.min()}..{start.max()}."
        )
    return start
