"""Random numbers that a seed repeats whether or not XLA compiles the step, and named streams.

Philox bits are the same everywhere; what TensorFlow and XLA make of them is not, and XLA's own
normal numbers take twice as long as these on a CPU, longer than everything else in a step of a
factorization. Which model draws what, and when, is left to the models.
"""

from __future__ import annotations

import math

import tensorflow as tf

STREAMS = {
    "alias table": (0, 1),
    "uniform half": (0, 1),
    "block of interactions": (0, 0),
    "generator's choice": (0, 2),
    "fact": (0, 11),
    "negatives of the fact": (0, 12),
    "first view": (1, 0),
    "sample of the code": (1, 0),
    "second view": (2, 0),
    "hidden modality": (3, 0),
    "items": (4, 0),
    "hidden items": (5, 0),
    "dropout": (50, 0),
    "hidden last": (6, 0),
    "hidden users": (6, 1),
    # Of adversaries inside of training; beside them the model draws from the batch's own seed.
    "perturbation": (60, 0),
    "point of the ascent": (61, 0),
    "replica": (62, 0),
    "smoothed items": (30, 0),
    "virtual perturbation": (31, 0),
    "direction of the generated item": (20, 0),
    # Of GANs, attacks that are trained, generated tables and texts.
    "discriminator's step": (0, 0),
    "generator's step": (1, 0),
    "mix of real and generated": (2, 0),
    "privacy noise": (3, 0),
    "real templates": (7, 0),
    "generated templates": (8, 0),
    "users asked": (9, 0),
    "candidates for negatives": (10, 0),
    "dropped entries": (10, 0),
    "real pairs": (10, 0),
    "selected items": (10, 0),
    "shown zeros": (11, 0),
    "positives of the user": (12, 0),
    "sample of the profile's code": (12, 0),
    "selected pairs": (12, 0),
    "zeros of the reconstruction": (12, 0),
    "noise of the profile": (13, 0),
    "taught items": (13, 0),
    "untaught items": (13, 1),
    "drawn set": (14, 0),
    "mixture": (14, 0),
    "rewards": (16, 0),
    "hard negatives": (20, 0),
    "minibatches of the discriminator": (20, 0),
    "noise of the generator": (20, 0),
    "minibatches of the generator": (21, 0),
    "naive profiles": (21, 0),
    "deviations of naive profiles": (22, 0),
    "items of the profile": (23, 0),
    "noise of the reconstruction": (21, 0),
    "drawn sequence": (30, 0),
    "disturbed items": (40, 0),
    "mixed places": (42, 0),
    "mixture of neighbors": (43, 0),
    "direction of the control": (44, 0),
    "exchanged items": (45, 0),
    "items that may come in": (46, 0),
    "copies of the text": (41, 0),
    "noise of the record": (100, 0),
    "categories of the record": (101, 0),
    "shown conditions": (102, 0),
    "spread of the numbers": (103, 0),
    "sample of the record's code": (104, 0),
}
"""What is drawn beside a batch's main stream -> the offset of its seed. Two names may share an
offset where no model draws both."""


def stream(seed: tf.Tensor, name: str, index: int | tf.Tensor = 0) -> tf.Tensor:
    """The seed of one purpose: the batch's `seed` [2] int32 moved by the offset of `name`.

    Args:
        seed: [2] int32, of the batch.
        name: in `STREAMS`.
        index: >= 0, of the draw where one purpose has several; a number or a scalar tensor.

    Raises:
        KeyError: if there is no such stream.
    """
    first, second = STREAMS[name]
    return seed + [first, second + index]


def seed_of_step(seed: int | tf.Tensor, step: int | tf.Tensor) -> tf.Tensor:
    """[2] int32, the seed of a batch that brings none: another at each step and for each seed."""
    return tf.stack([tf.cast(seed, tf.int32), tf.cast(step, tf.int32)])


def random_floats(shape, seed: tf.Tensor, low: float = 0.0) -> tf.Tensor:
    """float32 in [low, 1), uniform, on a grid of 2^23 points, made of random bits by XLA's rule."""
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    unit = tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) * 2.0**-23
    return unit * (1.0 - low) + low


def random_normals(shape, seed: tf.Tensor) -> tf.Tensor:
    """float32, standard normal: Phi^-1(u) = sqrt(2) erf^-1(2 u - 1), at most 5.3 in size."""
    # In the middle of its grid cell no uniform number is 0 or 1.
    unit = random_floats(shape, seed) + 2.0**-24
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * unit - 1.0)


def random_indices(shape, seed: tf.Tensor, size) -> tf.Tensor:
    """int32 in 0..size - 1, uniform."""
    # The named algorithm is the one that XLA is quick with.
    return tf.random.stateless_uniform(shape, seed, maxval=size, dtype=tf.int32, alg="philox")


def gumbel_choice(logits: tf.Tensor, is_open: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """[batch, n] -> [batch] int32: one open place of each, drawn by the softmax of the logits.

    Args:
        logits: [batch, n] float32.
        is_open: [batch, n] bool, the places that can be drawn; where there is none, 0.
        seed: [2] int32.
    """
    noise = random_floats(tf.shape(logits), seed, low=1e-7)
    perturbed = logits - tf.math.log(-tf.math.log(noise))
    return tf.argmax(tf.where(is_open, perturbed, -math.inf), 1, output_type=tf.int32)
