"""The form of a GAN's batches: samples, perhaps with conditions, and what networks read of them."""

from __future__ import annotations

import tensorflow as tf

from advrec_tf._keras import keras


def samples_and_conditions(inputs):
    """(samples [batch, features...], conditions [batch, ...] or None) of a batch.

    Raises:
        ValueError: if the batch is neither samples nor a pair.
    """
    parts = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if len(parts) > 2 or isinstance(parts[0], dict):
        raise ValueError(
            "A batch should be samples, or a pair (samples, conditions); for other batches define "
            "`real_samples` and `fake_samples` in a subclass. Received: "
            f"{tf.nest.map_structure(lambda value: getattr(value, 'shape', value), inputs)}."
        )
    return parts if len(parts) == 2 else (parts[0], None)


def network_inputs(network: keras.Model, first, conditions):
    """The inputs of a network that may read conditions beside noise or samples.

    Args:
        network: it has one input or two, in a list or by name; one of these is called "noise" or
            "sample", or is the only one.
        first: noise or samples, [batch, ...].
        conditions: [batch, ...], or None where the batch has none.

    Raises:
        ValueError: if the network reads conditions and there are none.
    """
    wanted = len(network.inputs)
    if wanted == 1:
        return {"noise": first} if isinstance(network.input, dict) else first
    if conditions is None:
        raise ValueError(
            f"`{network.name}` has {wanted} inputs, so a batch should be (samples, conditions). "
            "Received samples alone."
        )
    if isinstance(network.input, dict):
        other = next(name for name in network.input if name not in ("noise", "sample"))
        own = next(name for name in network.input if name != other)
        return {own: first, other: conditions}
    return [first, conditions]


def flat(samples: tf.Tensor) -> tf.Tensor:
    """[batch, features...] -> [batch, features]."""
    if samples.shape.rank == 2:
        return samples
    return tf.reshape(samples, [tf.shape(samples)[0], -1])


def shaped(flat: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """[batch, features] -> the shape of `like`, [batch, features...]; the opposite of `flat`."""
    return flat if like.shape.rank == 2 else tf.reshape(flat, [-1, *like.shape[1:]])


def diversity(samples: tf.Tensor) -> tf.Tensor:
    """How different the samples of a batch are: 1 - mean cosine of neighbors in the batch.

    [batch, features] -> scalar in [0, 2]; 0 where all samples point the same way, which is
    what a collapsed generator gives.
    """
    unit = tf.math.l2_normalize(samples, axis=-1)
    return 1.0 - tf.reduce_mean(tf.reduce_sum(unit * tf.roll(unit, 1, axis=0), axis=-1))
