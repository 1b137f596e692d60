"""The blocks of sequence encoders: [batch, places, dim] in and out, the latest item at the right.

Every place is read with the places before it, never with those after, but in `bidirectional`
attention and in the filters, which mix all places and so are trained on the last alone
(`training="prefixes"`). Padding, at the left, is left out by `known`. Noise follows a seed that
comes with the batch, so that two passes of one step see the same. Under a policy of mixed
precision attention is weighed, and times are counted, in float32.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import random_floats_of_rows
from advrec_tf.ops.random import stream

_CLOSED = -1e9
GAP_BUCKETS = 32


def _normal(seed: int, stddev: float = 0.02) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=stddev, seed=seed)


def _dense(units: int, seed: int, **kwargs) -> keras.layers.Dense:
    return keras.layers.Dense(
        units, kernel_initializer=keras.initializers.GlorotUniform(seed=seed), **kwargs
    )


@keras.utils.register_keras_serializable("advrec_tf")
class SeededDropout(keras.layers.Layer):
    """Dropout by the seed of the batch: ([...] float32, [2] int32) -> the same shape.

    Args:
        rate: of the entries that are set to 0, in [0, 1).
        stream: which of the draws of one batch it is.
    """

    def __init__(self, rate: float, *, stream: int, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.stream = rate, stream

    def call(self, x, seed, training=False):
        if not training or not self.rate:
            return x
        return dropped(x, self.rate, stream(seed, "dropout", self.stream))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "stream": self.stream}


def dropped(x: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """`x` [batch, ...] with entries set to 0 by `rate`, and the others divided by 1 - rate."""
    kept = random_floats_of_rows(tf.shape(x), seed) >= rate
    return tf.where(kept, x / (1.0 - rate), tf.zeros_like(x))


@keras.utils.register_keras_serializable("advrec_tf")
class PlacesFromEnd(keras.layers.Layer):
    """Adds a trained vector a place, counted from the last: [batch, places, dim] -> the same.

    Args:
        length: the most places.
    """

    def __init__(self, length: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.length, self.seed = length, seed

    def build(self, shape):
        self.places = self.add_weight(
            name="places", shape=[self.length, shape[-1]], initializer=_normal(self.seed)
        )

    def call(self, x):
        return x + self.places[None, self.length - tf.shape(x)[1] :]

    def perturbable(self, x):
        """1 where there is an item, in the shape of `x`; padding, of zeros, must not move."""
        there = tf.reduce_any(x != 0.0, axis=-1, keepdims=True)
        return tf.repeat(tf.cast(there, tf.float32), x.shape[-1], axis=-1)

    def get_config(self):
        return {**super().get_config(), "length": self.length, "seed": self.seed}


@keras.utils.register_keras_serializable("advrec_tf")
class GapEmbedding(keras.layers.Layer):
    """The vector of the time since the item before: [batch, places] float32 -> [..., dim].

    Times fall into buckets by their logarithm: 0 is unknown or none, b >= 1 is
    [2^(b-1), 2^b) - 1 units.

    Args:
        dim: of the vectors.
        unit: the time that falls into the first bucket, > 0.
    """

    def __init__(self, dim: int, unit: float, *, seed: int = 0, **kwargs):
        super().__init__(autocast=False, **kwargs)  # times are no features: they keep their digits
        self.dim, self.unit, self.seed = dim, unit, seed

    def build(self, shape):
        self.vectors = self.add_weight(
            name="vectors", shape=[GAP_BUCKETS, self.dim], initializer=_normal(self.seed)
        )

    def call(self, gap):
        return tf.gather(self.vectors, gap_buckets(gap, self.unit))

    def get_config(self):
        return {**super().get_config(), "dim": self.dim, "unit": self.unit, "seed": self.seed}


def gap_buckets(gap: tf.Tensor, unit: float) -> tf.Tensor:
    """Times in the data's unit -> buckets 0..`GAP_BUCKETS` - 1 int32; see `GapEmbedding`."""
    grown = tf.math.log(1.0 + tf.maximum(gap, 0.0) / unit) / math.log(2.0)
    return tf.minimum(tf.cast(tf.math.ceil(grown), tf.int32), GAP_BUCKETS - 1)


@keras.utils.register_keras_serializable("advrec_tf")
class SelfAttention(keras.layers.Layer):
    """Scaled dot-product attention of several heads (Vaswani et al. 2017).

    (x [batch, places, dim], known [batch, places] bool, seed [2]) -> [batch, places, dim].

    Args:
        heads: of which `dim` is a multiple.
        causal: whether a place reads itself and those before it alone.
        rate: of the dropout of the attention.
        stream: which of the draws of one batch it is.
    """

    def __init__(
        self, heads: int, *, causal: bool, rate: float, stream: int, seed: int = 0, **kwargs
    ):
        super().__init__(**kwargs)
        self.heads, self.causal, self.rate = heads, causal, rate
        self.stream, self.seed = stream, seed

    def build(self, shape):
        dim = shape[-1]
        if dim % self.heads:
            raise ValueError(
                f"`heads` should divide the dimension {dim}. Received: {self.heads!r}."
            )
        self.project = _dense(3 * dim, self.seed, name="query_key_value")
        self.merge = _dense(dim, self.seed + 1, name="merge")

    def call(self, x, known, seed, training=False):
        query, key, value = (
            split_heads(part, self.heads) for part in tf.split(self.project(x), 3, axis=-1)
        )
        scores = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
        scores = scores / math.sqrt(query.shape[-1]) + closed_places(known, self.causal)[:, None]
        weights = tf.cast(tf.nn.softmax(scores), value.dtype)
        if training and self.rate:
            weights = dropped(weights, self.rate, stream(seed, "dropout", self.stream))
        return self.merge(join_heads(tf.matmul(weights, value)))

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "causal": self.causal,
            "rate": self.rate,
            "stream": self.stream,
            "seed": self.seed,
        }


def split_heads(x: tf.Tensor, heads: int) -> tf.Tensor:
    """[batch, places, dim] -> [batch, heads, places, dim / heads]."""
    shape = tf.shape(x)
    x = tf.reshape(x, [shape[0], shape[1], heads, x.shape[-1] // heads])
    return tf.transpose(x, [0, 2, 1, 3])


def join_heads(x: tf.Tensor) -> tf.Tensor:
    """[batch, heads, places, size] -> [batch, places, heads * size]."""
    shape = tf.shape(x)
    width = x.shape[1] * x.shape[3]
    return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [shape[0], shape[2], width])


def closed_places(known: tf.Tensor, causal: bool) -> tf.Tensor:
    """[batch, places] bool -> [batch, places, places] float32: 0 where the first may read the
    second, else -1e9. A place of padding may read itself, so that its softmax is one."""
    places = tf.range(tf.shape(known)[1])
    may = known[:, None, :] | (places[:, None] == places[None, :])[None]
    if causal:
        may &= (places[:, None] >= places[None, :])[None]
    return tf.where(may, 0.0, _CLOSED)


@keras.utils.register_keras_serializable("advrec_tf")
class GatedAttention(keras.layers.Layer):
    """The unit of HSTU (Zhai et al. 2024, arXiv:2402.17152, eqs. 1 to 3): attention by silu
    instead of softmax, with a bias by distance and one by the time between, and a gate.

    (x [batch, places, dim], known [batch, places] bool[, gap [batch, places]]) -> what is added
    to x.

    Args:
        heads: of which `dim` is a multiple.
        length: the most places.
        unit: of the times, see `GapEmbedding`; None without times.
    """

    def __init__(
        self, heads: int, length: int, *, unit: float | None = None, seed: int = 0, **kwargs
    ):
        super().__init__(**kwargs)
        self.heads, self.length, self.unit, self.seed = heads, length, unit, seed

    def build(self, shape):
        dim = shape[-1]
        self.project = _dense(4 * dim, self.seed, activation="silu", name="project")
        self.merge = _dense(dim, self.seed + 1, name="merge")
        self.norm = keras.layers.LayerNormalization(name="norm")
        self.by_distance = self.add_weight(
            name="by_distance", shape=[self.length], initializer=_normal(self.seed + 2)
        )
        self.by_time = None
        if self.unit is not None:
            self.by_time = self.add_weight(
                name="by_time", shape=[GAP_BUCKETS], initializer=_normal(self.seed + 3)
            )

    def call(self, x, known, gap=None):
        gate, value, query, key = tf.split(self.project(x), 4, axis=-1)
        query, key, value = (split_heads(part, self.heads) for part in (query, key, value))
        places = tf.range(tf.shape(x)[1])
        distance = tf.maximum(places[:, None] - places[None, :], 0)
        bias = tf.gather(self.by_distance, distance)[None]
        if self.by_time is not None and gap is not None:
            since = tf.cumsum(gap, axis=1)
            between = tf.maximum(since[:, :, None] - since[:, None, :], 0.0)
            bias += tf.gather(self.by_time, gap_buckets(between, self.unit))
        scores = tf.matmul(query, key, transpose_b=True) + bias[:, None]
        may = tf.cast(closed_places(known, True) == 0.0, scores.dtype)[:, None]
        read = tf.matmul(tf.nn.silu(scores) * may / self.length, value)
        return self.merge(self.norm(join_heads(read)) * gate)

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "length": self.length,
            "unit": self.unit,
            "seed": self.seed,
        }


@keras.utils.register_keras_serializable("advrec_tf")
class LowFrequencies(keras.layers.Layer):
    """low + beta^2 * (x - low), where low holds the lowest frequencies over the places.

    The frequency rescaler of BSARec (Shin et al. 2024, arXiv:2312.10325, eq. 11). The filter is
    one symmetric matrix over the places, so no Fourier transform runs in a step.

    Args:
        length: the number of places, of which every input has exactly so many.
        lowest: how many frequencies are low, the constant among them.
    """

    def __init__(self, length: int, lowest: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.length, self.lowest, self.seed = length, lowest, seed

    def build(self, shape):
        spectrum = np.fft.rfft(np.eye(self.length), axis=0, norm="ortho")
        spectrum[self.lowest :] = 0.0
        low = np.fft.irfft(spectrum, n=self.length, axis=0, norm="ortho")
        self.low = tf.constant(low, tf.float32)
        self.beta = self.add_weight(
            name="beta", shape=[1, 1, shape[-1]], initializer=_normal(self.seed, 1.0)
        )

    def call(self, x):
        low = tf.einsum("ij,bjd->bid", tf.cast(self.low, x.dtype), x)
        return low + tf.square(self.beta) * (x - low)

    def get_config(self):
        return {
            **super().get_config(),
            "length": self.length,
            "lowest": self.lowest,
            "seed": self.seed,
        }


@keras.utils.register_keras_serializable("advrec_tf")
class FrequencyFilter(keras.layers.Layer):
    """A trained filter a feature over the frequencies of the places (FMLP-Rec, Zhou et al. 2022,
    arXiv:2202.13556, eq. 4): [batch, length, dim] -> the same.

    Args:
        length: the number of places, of which every input has exactly so many.
    """

    def __init__(self, length: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.length, self.seed = length, seed

    def build(self, shape):
        self.filter = self.add_weight(
            name="filter",
            shape=[2, shape[-1], self.length // 2 + 1],
            initializer=_normal(self.seed),
        )

    def call(self, x):
        spectrum = tf.signal.rfft(tf.cast(tf.transpose(x, [0, 2, 1]), tf.float32))
        spectrum *= tf.complex(*(tf.cast(self.filter[part], tf.float32) for part in (0, 1)))
        filtered = tf.signal.irfft(spectrum, [self.length])
        return tf.cast(tf.transpose(filtered, [0, 2, 1]), x.dtype)

    def get_config(self):
        return {**super().get_config(), "length": self.length, "seed": self.seed}
