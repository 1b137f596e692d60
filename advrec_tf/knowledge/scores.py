"""How a fact is scored: an entity compared with the question that the other two parts make.

Pure functions of rows, for training, for all entities at once, and for either end of a fact.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

SCORES = ("transe", "distmult", "rotate")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TripleScore:
    """Scores of facts (h, r, t), high is true:

        transe     -|h + r - t|_p                  (Bordes et al. 2013)
        distmult   sum_k h_k r_k t_k               (Yang et al. 2015, arXiv:1412.6575)
        rotate     -sum_k |h_k e^(i r_k) - t_k|    (Sun et al. 2019, arXiv:1902.10197); the
                   first half of an entity's vector is the real part of its dim / 2 numbers

    Attributes:
        name: one of `SCORES`.
        norm: p of transe, 1 or 2.
        unit_entities: score entities at length 1, the constraint of Bordes et al.

    Raises:
        ValueError: if `name` or `norm` is unknown, or `norm` is not 1 without transe.
    """

    name: str = "transe"
    norm: int = 1
    unit_entities: bool = False

    def __post_init__(self):
        for name, value, allowed in (("score", self.name, SCORES), ("norm", self.norm, (1, 2))):
            if value not in allowed:
                raise ValueError(f"`{name}` should be one of {allowed}. Received: {value!r}.")
        if self.name != "transe" and self.norm != 1:
            raise ValueError(
                f"`norm` should be left alone with score={self.name!r}. Received: {self.norm!r}."
            )

    def unit(self, entity: tf.Tensor) -> tf.Tensor:
        """[..., dim], of length 1 under `unit_entities`."""
        return tf.math.l2_normalize(entity, -1) if self.unit_entities else entity

    def question(self, known: tf.Tensor, relation: tf.Tensor, *, heads: bool) -> tf.Tensor:
        """Rows of the known entity and the relation -> a vector of the entities' space, to be
        compared with tails, or with `heads`."""
        known = self.unit(known)
        if self.name == "transe":
            return known - relation if heads else known + relation
        if self.name == "distmult":
            return known * relation
        real, imaginary = tf.split(known, 2, -1)
        cos, sin = tf.cos(relation), tf.sin(-relation if heads else relation)
        return tf.concat([real * cos - imaginary * sin, real * sin + imaginary * cos], -1)

    def compare(self, question: tf.Tensor, entity: tf.Tensor) -> tf.Tensor:
        """[..., dim] of both, broadcast -> [...]; the entity as `unit` gives it."""
        if self.name == "distmult":
            return tf.reduce_sum(question * entity, -1)
        gap = question - entity
        if self.name == "rotate":
            real, imaginary = tf.split(gap, 2, -1)
            return -tf.reduce_sum(_root(tf.square(real) + tf.square(imaginary)), -1)
        if self.norm == 1:
            return -tf.reduce_sum(tf.abs(gap), -1)
        return -_root(tf.reduce_sum(tf.square(gap), -1))

    def against_all(self, question: tf.Tensor, entities: tf.Tensor) -> tf.Tensor:
        """[batch, dim] and the whole table [num_entities, dim] -> [batch, num_entities]."""
        entities = self.unit(entities)
        if self.name == "distmult":
            return tf.matmul(question, entities, transpose_b=True)
        return self.compare(question[:, None, :], entities[None])


def _root(squares: tf.Tensor) -> tf.Tensor:
    """sqrt with the gradient 0 at 0."""
    return tf.sqrt(tf.maximum(squares, 1e-12))
