"""Discrete choices that pass a gradient: draws that are hard forwards and soft backwards.

A profile is a set of items and a behavior sequence a choice at each place; the discriminator
has to see them as they are, zeros and ones, while the generator learns through the softmax (or
sigmoid) beneath: the straight-through estimator of Jang et al. 2017 (arXiv:1611.01144). Noise
comes in as an argument, so that a draw is a function of its seed.
"""

from __future__ import annotations

import tensorflow as tf


def gumbel(shape, seed: tf.Tensor) -> tf.Tensor:
    """Standard Gumbel noise: logits plus it have their largest entry by the softmax's chances."""
    uniform = tf.random.stateless_uniform(shape, seed, minval=1e-7, maxval=1.0)
    return -tf.math.log(-tf.math.log(uniform))


def straight_through_choice(
    perturbed: tf.Tensor, chosen: tf.Tensor, temperature: float
) -> tf.Tensor:
    """What was chosen by `perturbed` (logits with Gumbel noise), as one-hot vectors.

    Args:
        perturbed: [..., items] float32.
        chosen: [...] int32, the choices that were made.
        temperature: > 0.

    Returns:
        The shape of `perturbed`; backwards it is softmax(perturbed / temperature).
    """
    soft = tf.nn.softmax(perturbed / temperature)
    hard = tf.one_hot(chosen, perturbed.shape[-1])
    return soft + tf.stop_gradient(hard - soft)


def straight_through_set(perturbed: tf.Tensor, counts: tf.Tensor, temperature: float) -> tf.Tensor:
    """The `counts` largest entries of each profile, as zeros and ones.

    With Gumbel noise that is a draw without replacement by the softmax's chances (Kool et al.
    2019, arXiv:1903.06059). Backwards it is a sigmoid around the place where the profile is cut,
    sigmoid((perturbed - cut) / temperature), the cut itself held.

    Args:
        perturbed: [batch, items] float32, distinct numbers.
        counts: [batch] int32, 0 <= counts <= items.
        temperature: > 0.

    Returns:
        [batch, items] float32 of zeros and ones, `counts` ones a profile.
    """
    ordered = tf.sort(perturbed, axis=-1, direction="DESCENDING")
    # Between the last entry inside and the first outside; beyond the ends where there is none.
    ends = tf.concat([ordered[:, :1] + 1.0, ordered, ordered[:, -1:] - 1.0], axis=-1)
    inside = tf.gather(ends, counts, batch_dims=1)
    outside = tf.gather(ends, counts + 1, batch_dims=1)
    cut = tf.stop_gradient(0.5 * (inside + outside))[:, None]
    soft = tf.sigmoid((perturbed - cut) / temperature)
    hard = tf.cast(perturbed > tf.stop_gradient(outside)[:, None], tf.float32)
    return soft + tf.stop_gradient(hard - soft)
