"""How a fact is scored: an entity compared with the question that the other two parts make.

Frozen settings with pure functions of vectors, for training, for all entities at once, and for
either end of a fact. High is true.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class TripleScore:
    """The base of a score of facts (h, r, t).

    Attributes:
        unit_entities: score entities at length 1, the constraint of Bordes et al. 2013.
    """

    unit_entities: bool = False

    def unit(self, entity: tf.Tensor) -> tf.Tensor:
        """[..., dim], of length 1 under `unit_entities`."""
        return tf.math.l2_normalize(entity, -1) if self.unit_entities else entity

    def question(self, known: tf.Tensor, relation: tf.Tensor, *, heads: bool) -> tf.Tensor:
        """Vectors of the known entity and the relation -> a vector of the entities' space, to be
        compared with tails, or with `heads`."""
        raise NotImplementedError(f"{type(self).__name__} does not define `question`.")

    def compare(self, question: tf.Tensor, entity: tf.Tensor) -> tf.Tensor:
        """[..., dim] of both, broadcast -> [...]; the entity as `unit` gives it."""
        raise NotImplementedError(f"{type(self).__name__} does not define `compare`.")

    def against_all(self, question: tf.Tensor, entities: tf.Tensor) -> tf.Tensor:
        """[batch, dim] and the whole table [num_entities, dim] -> [batch, num_entities]."""
        return self.compare(question[:, None, :], self.unit(entities)[None])


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransE(TripleScore):
    """-|h + r - t|_p (Bordes et al. 2013).

    Attributes:
        norm: p, 1 or 2.

    Raises:
        ValueError: if `norm` is neither.
    """

    norm: int = 1

    def __post_init__(self):
        if self.norm not in (1, 2):
            raise ValueError(f"`norm` should be 1 or 2. Received: {self.norm!r}.")

    def question(self, known, relation, *, heads):
        known = self.unit(known)
        return known - relation if heads else known + relation

    def compare(self, question, entity):
        gap = question - entity
        if self.norm == 1:
            return -tf.reduce_sum(tf.abs(gap), -1)
        return -_root(tf.reduce_sum(tf.square(gap), -1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistMult(TripleScore):
    """sum_k h_k r_k t_k (Yang et al. 2015, arXiv:1412.6575)."""

    def question(self, known, relation, *, heads):
        return self.unit(known) * relation

    def compare(self, question, entity):
        return tf.reduce_sum(question * entity, -1)

    def against_all(self, question, entities):
        return tf.matmul(question, self.unit(entities), transpose_b=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RotatE(TripleScore):
    """-sum_k |h_k e^(i r_k) - t_k| (Sun et al. 2019, arXiv:1902.10197).

    The first half of an entity's vector is the real part of its dim / 2 complex numbers, the
    second half the imaginary part; a relation is dim / 2 angles.
    """

    def question(self, known, relation, *, heads):
        real, imaginary = tf.split(self.unit(known), 2, -1)
        cos, sin = tf.cos(relation), tf.sin(-relation if heads else relation)
        return tf.concat([real * cos - imaginary * sin, real * sin + imaginary * cos], -1)

    def compare(self, question, entity):
        real, imaginary = tf.split(question - entity, 2, -1)
        return -tf.reduce_sum(_root(tf.square(real) + tf.square(imaginary)), -1)


def _root(squares: tf.Tensor) -> tf.Tensor:
    """sqrt with the gradient 0 at 0."""
    return tf.sqrt(tf.maximum(squares, 1e-12))
