"""Vectors of many ids composed from the rows of small tables, in the place of a row for each id.

`QuotientRemainder` and `MultiHash` say how; towers take one as `id_table`. Their layers stand in
any Keras model where an `Embedding` would. Adversarial training perturbs the composed vectors, as
it does the rows of an `Embedding`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import warnings

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.ops.servers import rows_at

COLLIDING = 0.1
"""Share of ids with all rows in common with another id from which `MultiHash` warns."""

_PRIME = 2**31 - 1
_serializable = keras.utils.register_keras_serializable("advrec_tf")


@_serializable
class ComposedEmbedding(keras.layers.Layer):
    """What compositional embeddings share: index [...] int -> vectors [..., dim].

    Args:
        num_ids: how many ids there are; 0 <= index < num_ids.
        dim: of the vectors.
        initial_scale: the standard deviation of the vectors before training.
        seed: of the first values.

    Raises:
        ValueError: if `num_ids` or `dim` is < 1, or `num_ids` too large.
    """

    def __init__(
        self, num_ids: int, dim: int, *, initial_scale: float = 0.1, seed: int = 0, **kwargs
    ):
        super().__init__(**kwargs)
        if not 1 <= num_ids < _PRIME or dim < 1:
            raise ValueError(
                f"`num_ids` should be in [1, {_PRIME}) and `dim` >= 1. Received: {num_ids!r} and "
                f"{dim!r}."
            )
        self.num_ids, self.dim = num_ids, dim
        self.initial_scale, self.seed = initial_scale, seed

    @property
    def embeddings(self) -> tf.Tensor:
        """[num_ids, dim], the table that it stands for, composed at each call."""
        return self(tf.range(self.num_ids))

    def get_config(self):
        own = ("num_ids", "dim", "initial_scale", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}

    def _table(self, name: str, rows: int, deviation: float, seed: int) -> tf.Variable:
        return self.add_weight(
            name=name,
            shape=(rows, self.dim),
            initializer=keras.initializers.RandomNormal(stddev=deviation, seed=seed),
            experimental_autocast=False,  # a cast would go over the whole table
        )

    def _as_computed(self, vectors: tf.Tensor) -> tf.Tensor:
        return tf.cast(vectors, self.compute_dtype)


@_serializable
class QuotientRemainderEmbedding(ComposedEmbedding):
    """The vector of an id is the product, entry by entry, of a row of its quotient and one of its
    remainder: quotients[id // remainders] * remainders[id % remainders].

    Shi et al. 2019 (arXiv:1909.02107), the quotient-remainder trick with multiplication. No two
    ids have the same pair of rows. It holds (ceil(num_ids / remainders) + remainders) * dim
    parameters, where an `Embedding` has num_ids * dim.

    Args:
        num_ids, dim, initial_scale, seed: see `ComposedEmbedding`.
        remainders: by what ids are divided; None for the root of `num_ids`, the smallest tables.

    Raises:
        ValueError: if `remainders` is not in 1..num_ids, or another argument is out of range.
    """

    def __init__(self, num_ids: int, dim: int, *, remainders: int | None = None, **kwargs):
        super().__init__(num_ids, dim, **kwargs)
        if remainders is None:
            remainders = math.isqrt(num_ids - 1) + 1
        if not 1 <= remainders <= num_ids:
            raise ValueError(
                f"`remainders` should be in 1..num_ids = {num_ids}. Received: {remainders!r}."
            )
        self.remainders = remainders

    def build(self, input_shape):
        # The deviation of a product of independent factors around 0 is the product of theirs.
        deviation = math.sqrt(self.initial_scale)
        rows = -(-self.num_ids // self.remainders)
        self.quotient_rows = self._table("quotient_rows", rows, deviation, 2 * self.seed)
        self.remainder_rows = self._table(
            "remainder_rows", self.remainders, deviation, 2 * self.seed + 1
        )
        super().build(input_shape)

    def call(self, index):
        quotients = rows_at(self.quotient_rows, index // self.remainders)
        return self._as_computed(quotients * rows_at(self.remainder_rows, index % self.remainders))

    def get_config(self):
        return {**super().get_config(), "remainders": self.remainders}


@_serializable
class MultiHashEmbedding(ComposedEmbedding):
    """The vector of an id is a weighted sum of some rows of one table, which hashes of the id
    choose; the weights are trained for each id.

    Svenstrup et al. 2017 (hash embeddings, arXiv:1709.03933), without the concatenated weights.
    The hashes are ((a * id + b) mod (2^31 - 1)) mod buckets (Carter & Wegman 1979), a and b by the
    seed. It holds buckets * dim + num_ids * hashes parameters, where an `Embedding` has
    num_ids * dim. Ids that share all rows differ by their weights alone; `collisions` counts them.

    Args:
        num_ids, dim, initial_scale, seed: see `ComposedEmbedding`.
        buckets: rows of the table.
        hashes: rows of an id.

    Raises:
        ValueError: if `buckets` or `hashes` is < 1, or another argument is out of range.
    """

    def __init__(self, num_ids: int, dim: int, *, buckets: int, hashes: int = 2, **kwargs):
        super().__init__(num_ids, dim, **kwargs)
        if buckets < 1 or hashes < 1:
            raise ValueError(
                f"`buckets` and `hashes` should be >= 1. Received: {buckets!r} and {hashes!r}."
            )
        self.buckets, self.hashes = buckets, hashes
        # Not by a generator of NumPy, whose stream another version may change.
        self.factors = [1 + self._number("factor", k) % (_PRIME - 1) for k in range(hashes)]
        self.offsets = [self._number("offset", k) % _PRIME for k in range(hashes)]

    def build(self, input_shape):
        self.bucket_rows = self._table("bucket_rows", self.buckets, self.initial_scale, self.seed)
        self.importance = self.add_weight(
            name="importance",
            shape=(self.num_ids, self.hashes),
            initializer=keras.initializers.Constant(self.hashes**-0.5),
            experimental_autocast=False,
        )
        super().build(input_shape)

    def rows_of(self, index) -> tf.Tensor:
        """[...] int -> [..., hashes] int64, the rows of the table."""
        index = tf.cast(index, tf.int64)[..., None]
        factors, offsets = (tf.constant(each, tf.int64) for each in (self.factors, self.offsets))
        return (index * factors + offsets) % _PRIME % self.buckets

    def call(self, index):
        vectors = rows_at(self.bucket_rows, self.rows_of(index))
        weights = rows_at(self.importance, index)
        return self._as_computed(tf.reduce_sum(vectors * weights[..., None], -2))

    def collisions(self) -> int:
        """How many ids have the same rows as another id, in whatever order."""
        rows = np.sort(self.rows_of(np.arange(self.num_ids)).numpy(), axis=1)
        if self.buckets**self.hashes < 2**63:  # sorting numbers is quicker than sorting rows
            rows = rows @ self.buckets ** np.arange(self.hashes, dtype=np.int64)
        counts = np.unique(rows, axis=0, return_counts=True)[1]
        return int(counts[counts > 1].sum())

    def get_config(self):
        return {**super().get_config(), "buckets": self.buckets, "hashes": self.hashes}

    def _number(self, name: str, place: int) -> int:
        digest = hashlib.sha256(f"{name} {place} {self.seed}".encode()).digest()
        return int.from_bytes(digest[:8], "big")


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuotientRemainder:
    """Towers whose ids are composed by `QuotientRemainderEmbedding`.

    Attributes:
        share: the remainders as a share of the ids, in (0, 1]; None for the root of their number,
            the smallest tables. A share far from it on either side makes one of the tables large.

    Raises:
        ValueError: if `share` is out of range.
    """

    share: float | None = None

    def __post_init__(self):
        _require_share(self.share)

    def layer(self, num_ids: int, dim: int, **settings) -> QuotientRemainderEmbedding:
        """For so many ids; settings of the layer. Warns where by `share` its tables have more rows
        than there are ids."""
        remainders = None if self.share is None else math.ceil(self.share * num_ids)
        layer = QuotientRemainderEmbedding(num_ids, dim, remainders=remainders, **settings)
        rows = layer.remainders + -(-num_ids // layer.remainders)
        if self.share is not None and rows > num_ids:
            warnings.warn(
                f"The tables of quotients and remainders have {rows:,} rows, more than there are "
                f"ids, {num_ids:,}. `share` should be None, for the smallest tables. Received: "
                f"{self.share:g}.",
                stacklevel=2,
            )
        return layer


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiHash:
    """Towers whose ids are composed by `MultiHashEmbedding`.

    Attributes:
        share: the rows of the table as a share of the ids, in (0, 1].
        hashes: rows of an id.

    Raises:
        ValueError: if `share` or `hashes` is out of range.
    """

    share: float = 0.1
    hashes: int = 2

    def __post_init__(self):
        _require_share(self.share)
        if self.hashes < 1:
            raise ValueError(f"`hashes` should be >= 1. Received: {self.hashes!r}.")

    def layer(self, num_ids: int, dim: int, **settings) -> MultiHashEmbedding:
        """For so many ids; settings of the layer. Warns where more than `COLLIDING` of the ids have
        all rows in common with another."""
        buckets = math.ceil(self.share * num_ids)
        layer = MultiHashEmbedding(num_ids, dim, buckets=buckets, hashes=self.hashes, **settings)
        if (colliding := layer.collisions()) > COLLIDING * num_ids:
            warnings.warn(
                f"{colliding:,} of {num_ids:,} ids have all rows in common with another id and "
                f"differ by their weights alone. `share` should be larger, or `id_table` left out. "
                f"Received: `share` of {self.share:g}, a table of {buckets:,} rows.",
                stacklevel=2,
            )
        return layer


IdTable = QuotientRemainder | MultiHash
"""How a tower keeps the vectors of ids, where not by a row for each."""


def embedding_of_ids(
    id_table: IdTable | None, num_ids: int, dim: int, *, initial_scale: float, seed: int, name: str
) -> keras.layers.Layer:
    """Index [...] int32 -> vectors [..., dim]: an `Embedding`, or as `id_table` says.

    Raises:
        ValueError: if `id_table` is something else.
    """
    if id_table is None:
        initializer = keras.initializers.RandomNormal(stddev=initial_scale, seed=seed)
        return keras.layers.Embedding(num_ids, dim, embeddings_initializer=initializer, name=name)
    if not isinstance(id_table, IdTable):
        raise ValueError(
            "`id_table` should be None, a `QuotientRemainder` or a `MultiHash`. "
            f"Received: {id_table!r}."
        )
    return id_table.layer(num_ids, dim, initial_scale=initial_scale, seed=seed, name=name)


def holds_composed_ids(model: keras.Model) -> bool:
    """Whether a table of the model, at any depth, is composed."""
    return any(isinstance(layer, ComposedEmbedding) for layer in model.submodules)


def _require_share(share: float | None) -> None:
    if share is not None and not 0 < share <= 1:
        raise ValueError(f"`share` should be in (0, 1]. Received: {share!r}.")
