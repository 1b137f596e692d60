"""What networks do with table rows: widen codes, turn raw outputs into rows, draw codes.

Shared by the variational generator and the GAN, so that both write rows in the same way. A
network's *raw* output [batch, raw_width] holds, in order, one number for every mode of every
continuous column, then the logits of every one-hot block. The number that counts is that of
the chosen mode, so a row's number depends on its mode even where the choice was random.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import own_rows
from advrec_tf.ops.random import stream
from advrec_tf.tabular.transform import RowLayout

WIDE = 32
"""A one-hot block wider than this is read through an embedding."""


def raw_width(layout: RowLayout) -> int:
    """Width of a network's raw output."""
    return sum(layout.modes) + sum(layout.widths)


def widened(choices: tf.Tensor, numbers: tf.Tensor, layout: RowLayout) -> tf.Tensor:
    """Codes [batch, columns] int32 and numbers [batch, numbers] -> rows [batch, width]."""
    blocks = [tf.one_hot(choices[:, i], width) for i, width in enumerate(layout.widths)]
    return tf.concat([numbers, *blocks], axis=1)


def split_raw(raw: tf.Tensor, layout: RowLayout) -> tuple[list, list]:
    """(numbers of each column's modes or None, logits), a tensor a column."""
    sizes = [count for count in layout.modes if count]
    parts = tf.split(raw, [*sizes, *layout.widths], axis=1)
    numbers, logits = iter(parts[: len(sizes)]), parts[len(sizes) :]
    return [next(numbers) if count else None for count in layout.modes], list(logits)


def soft_rows(
    raw: tf.Tensor,
    layout: RowLayout,
    seed: tf.Tensor,
    *,
    temperature: float,
    straight_through: bool = True,
) -> tf.Tensor:
    """Rows that gradients pass through: Gumbel-softmax blocks; Jang et al. 2017, eq. 2.

    Args:
        raw: [batch, raw_width].
        seed: [2] int32, of the Gumbel noise.
        temperature: > 0; the lower, the harder the choices.
        straight_through: rows hold the hard choice, gradients are those of the soft one.

    Returns:
        [batch, width] float32: numbers in [-1, 1], zero where the choice has none; blocks
        that sum to 1.
    """
    noise = _gumbel(tf.shape(raw)[0], layout, seed)
    numbers, blocks = [], []
    for column, (means, logits) in enumerate(zip(*split_raw(raw, layout), strict=True)):
        noisy = logits + noise[column]
        block = tf.nn.softmax(noisy / temperature)
        if straight_through:
            hard = tf.one_hot(tf.argmax(noisy, 1), layout.widths[column])
            block += tf.stop_gradient(hard - block)
        blocks.append(block)
        if means is not None:
            chosen = block[:, : layout.modes[column]]
            numbers.append(tf.reduce_sum(chosen * tf.tanh(means), 1, keepdims=True))
    return tf.concat([*numbers, *blocks], axis=1)


def drawn_codes(raw: tf.Tensor, layout: RowLayout, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Codes drawn from the logits: choices [batch, columns] int32, numbers [batch, numbers]."""
    noise = _gumbel(tf.shape(raw)[0], layout, seed)
    choices, numbers = [], []
    for column, (means, logits) in enumerate(zip(*split_raw(raw, layout), strict=True)):
        choice = tf.argmax(logits + noise[column], 1, output_type=tf.int32)
        choices.append(choice)
        if means is not None:
            at = tf.one_hot(choice, layout.modes[column])  # zeros beyond the modes
            numbers.append(tf.reduce_sum(at * tf.tanh(means), 1))
    if not numbers:
        return tf.stack(choices, 1), tf.zeros([tf.shape(raw)[0], 0])
    return tf.stack(choices, 1), tf.stack(numbers, 1)


def _gumbel(batch: tf.Tensor, layout: RowLayout, seed: tf.Tensor) -> list[tf.Tensor]:
    uniform = own_rows(
        lambda rows: tf.random.stateless_uniform(
            [rows, sum(layout.widths)],
            stream(seed, "categories of the record"),
            minval=1e-20,
            maxval=1.0,
        ),
        batch,
    )
    return tf.split(-tf.math.log(-tf.math.log(uniform)), layout.widths, axis=1)


def row_features(rows: tf.Tensor, layout: RowLayout, *, seed: int, name: str) -> tf.Tensor:
    """Symbolic rows [..., width or more] -> what a network's next layer reads, with one-hot
    blocks wider than `WIDE` embedded; what follows the row (a condition) is passed on."""
    sizes = [layout.num_numbers, *layout.widths]
    parts = tf.split(rows, [*sizes, rows.shape[-1] - sum(sizes)], axis=-1)
    for i, width in enumerate(layout.widths):
        if width > WIDE:
            parts[i + 1] = keras.layers.Dense(
                min(WIDE, 2 * round(width**0.5)),
                use_bias=False,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed + i),
                name=f"{name}_embedding_{i}",
            )(parts[i + 1])
    return keras.layers.Concatenate(name=f"{name}_features")(parts)


def residual_stack(x: tf.Tensor, hidden: Sequence[int], *, seed: int, name: str) -> tf.Tensor:
    """Layers that each append what they find to what they read (as in CTGAN's generator)."""
    for i, units in enumerate(hidden):
        y = keras.layers.Dense(
            units,
            kernel_initializer=keras.initializers.HeUniform(seed=seed + i),
            name=f"{name}_hidden_{i}",
        )(x)
        y = keras.layers.LeakyReLU(0.2, name=f"{name}_act_{i}")(y)
        x = keras.layers.Concatenate(name=f"{name}_join_{i}")([x, y])
    return x
