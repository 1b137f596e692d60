"""A factorization that an attacker trains in thought, differentiable in the profiles he writes.

`AlternatingSurrogate` fits one of the two ALS models to the data it knows, then goes on for a few
rounds with fake profiles beside the real rows, every half round a closed form in TensorFlow. What
comes out, the scores of real users, has a gradient in every cell of the profiles. Li et al. 2016
take it through the last round alone, with the other side held; Tang et al. 2020 unroll several.
Few rounds flatter the profiles: what they gain is in part lost when a model is trained to the end.
`RetrainedSurrogate` trains one, so that an attack can keep what works there. What is climbed is in
`objective_loss`; the climbing is left to the attacks.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.injection import inject
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization

KINDS = ("implicit", "ratings")
OBJECTIVES = ("score", "softmax", "margin", "hit")


class AlternatingSurrogate:
    """Real rows as constants, fake profiles as variables.

    Args:
        data: the rows the attacker knows.
        kind: "implicit" (`ImplicitFactorization`) or "ratings" (`BiasedFactorization`).
        dim: factors.
        ridge: of both sides.
        alpha: confidence of an interaction, "implicit" alone.
        seed: of the first fit.

    Attributes:
        items: [num_items, dim (+ 1)] float32, where a continuation starts.
        mean: what predicted ratings are centered by; 0 for "implicit".

    Raises:
        ValueError: if the kind is unknown or the data lacks the ratings it needs.
    """

    def __init__(
        self,
        data: Interactions,
        *,
        kind: str = "implicit",
        dim: int = 32,
        ridge: float = 1.0,
        alpha: float = 10.0,
        seed: int = 0,
    ):
        if kind not in KINDS:
            raise ValueError(f"`kind` should be one of {KINDS}. Received: {kind!r}.")
        self.kind, self.ridge, self.alpha = kind, ridge, alpha
        if kind == "implicit":
            model = ImplicitFactorization(dim=dim, l2=ridge, alpha=alpha, seed=seed).fit(data)
            self.mean, weight = 0.0, np.ones(len(data), np.float32)
        else:
            model = BiasedFactorization(dim=dim, l2=ridge, seed=seed).fit(data)
            self.mean, weight = model.mean, data.rating - np.float32(model.mean)
        self.items = tf.constant(model.items, tf.float32)
        self.num_users, self.num_items = data.num_users, data.num_items
        self.known = _Sparse(data, np.ones(len(data), np.float32))
        self.pull = self.known if kind == "implicit" else _Sparse(data, weight)

    def unrolled(
        self, profiles: tf.Tensor, rated: tf.Tensor, items: tf.Tensor, rounds: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`rounds` of users, then items, from `items` on, with the fake profiles.

        Args:
            profiles: [fakes, num_items] float32, ratings; "implicit" does not read them.
            rated: same shape, 1 where a fake rates an item, 0 elsewhere.
            items: [num_items, dim (+ 1)].

        Returns:
            Vectors of the real users and of the items, biases last where there are any.
        """
        pull = rated if self.kind == "implicit" else rated * (profiles - self.mean)
        for _ in range(rounds):
            features, bias = self._features(items)
            common = self._gram(features)
            real = self._solve(
                self.known.of_rows(squares_of(features)),
                self.pull.of_rows(features) - self.known.of_rows(features * bias),
                common,
            )
            fake = self._solve(
                tf.matmul(rated, squares_of(features)),
                tf.matmul(pull, features) - tf.matmul(rated, features * bias),
                common,
            )
            features, bias = self._features(real)
            fake_features, fake_bias = self._features(fake)
            common = self._gram(features) + self._gram(fake_features)
            items = self._solve(
                self.known.of_columns(squares_of(features))
                + tf.matmul(rated, squares_of(fake_features), transpose_a=True),
                self.pull.of_columns(features)
                - self.known.of_columns(features * bias)
                + tf.matmul(pull, fake_features, transpose_a=True)
                - tf.matmul(rated, fake_features * fake_bias, transpose_a=True),
                common,
            )
        return real, items

    def scores(self, users: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """[users, num_items]: preferences, or predicted ratings less their mean."""
        if self.kind == "implicit":
            return tf.matmul(users, items, transpose_b=True)
        dots = tf.matmul(users[:, :-1], items[:, :-1], transpose_b=True)
        return dots + users[:, -1:] + items[None, :, -1]

    def _features(self, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What the other side is regressed on, and [n, 1] what is taken off its targets."""
        if self.kind == "implicit":
            return vectors, tf.zeros_like(vectors[:, :1])
        return tf.concat([vectors[:, :-1], tf.ones_like(vectors[:, :1])], 1), vectors[:, -1:]

    def _gram(self, features: tf.Tensor) -> tf.Tensor:
        if self.kind == "implicit":
            return tf.matmul(features, features, transpose_a=True)
        return tf.zeros([features.shape[1]] * 2)

    def _solve(self, squares: tf.Tensor, sides: tf.Tensor, common: tf.Tensor) -> tf.Tensor:
        dim = sides.shape[1]
        if self.kind == "implicit":
            squares, sides = self.alpha * squares, (1.0 + self.alpha) * sides
        systems = symmetric(squares, dim) + common + self.ridge * tf.eye(dim)
        return tf.linalg.cholesky_solve(tf.linalg.cholesky(systems), sides[:, :, None])[:, :, 0]


class RetrainedSurrogate:
    """The attacker's own copy of the victim, trained to the end with profiles in it.

    Args: as `AlternatingSurrogate`; and
        targets: [targets] int.
        goal: "push" or "nuke".
        objective: of `objective_loss`.
    """

    def __init__(
        self,
        data: Interactions,
        targets: np.ndarray,
        *,
        kind: str,
        dim: int,
        ridge: float,
        alpha: float = 10.0,
        goal: str = "push",
        objective: str = "softmax",
        seed: int = 0,
    ):
        self.data, self.targets, self.objective = data, targets, objective
        self.sign = 1.0 if goal == "push" else -1.0
        self.start = None
        if kind == "implicit":
            self.model = ImplicitFactorization(dim=dim, l2=ridge, alpha=alpha, seed=seed)
        else:
            self.model = BiasedFactorization(dim=dim, l2=ridge, seed=seed)
            self.start = BiasedFactorization(dim=dim, l2=ridge, seed=seed).fit(data)
        self.seen = tf.constant(data.by_user().dense())

    def loss(self, profiles: np.ndarray) -> float:
        """The objective's loss of profiles [fakes, num_items], low where they work."""
        rng = np.random.default_rng(0)  # of times, which the models do not read
        poisoned = inject(self.data, profiles, targets=self.targets, attack="rehearsal", rng=rng)
        self.model.fit(poisoned.interactions, start=self.start)
        scores = self.model.score(tf.range(self.data.num_users))
        targets = tf.constant(self.targets, tf.int32)
        return self.sign * float(
            objective_loss(scores, self.seen, targets, objective=self.objective)
        )


class _Sparse:
    """A matrix of users x items that multiplies from both sides."""

    def __init__(self, data: Interactions, values: np.ndarray):
        order = np.lexsort((data.item_index, data.user_index))
        places = np.stack([data.user_index, data.item_index], 1)[order].astype(np.int64)
        self._matrix = tf.sparse.SparseTensor(
            places, values[order].astype(np.float32), [data.num_users, data.num_items]
        )
        self._transposed = tf.sparse.transpose(self._matrix)

    def of_rows(self, dense: tf.Tensor) -> tf.Tensor:
        return tf.sparse.sparse_dense_matmul(self._matrix, dense)

    def of_columns(self, dense: tf.Tensor) -> tf.Tensor:
        return tf.sparse.sparse_dense_matmul(self._transposed, dense)


def squares_of(vectors: tf.Tensor) -> tf.Tensor:
    """[n, dim] -> [n, dim * (dim + 1) / 2], the lower half of each vector times itself."""
    row, column = np.tril_indices(vectors.shape[1])
    return tf.gather(vectors, row, axis=1) * tf.gather(vectors, column, axis=1)


def symmetric(halves: tf.Tensor, dim: int) -> tf.Tensor:
    """[n, dim * (dim + 1) / 2], as `squares_of` lays them out -> [n, dim, dim]."""
    row, column = np.tril_indices(dim)
    place = np.zeros((dim, dim), np.int32)
    place[row, column] = place[column, row] = np.arange(len(row))
    return tf.reshape(tf.gather(halves, place.ravel(), axis=1), [-1, dim, dim])


def objective_loss(
    scores: tf.Tensor,
    seen: tf.Tensor,
    targets: tf.Tensor,
    *,
    objective: str,
    depth: int = 10,
    temperature: float = 0.5,
) -> tf.Tensor:
    """What an attacker who pushes pays, a mean over users who have not rated the target.

    * "score": minus the target's score (the integrity attack of Li et al. 2016, eq. 8);
    * "softmax": -log of the target's softmax over the unrated items (Tang et al. 2020, eq. 7);
    * "margin": softplus of how far the target stays below the user's `depth`-th best unrated item;
    * "hit": the sigmoid of the same, a smooth share of users whose list the target misses. It cares
      for the users who are within reach, "margin" and "softmax" for those who are far as well.

    The last three see scores in units of `temperature` deviations of the user's scores, which
    makes them independent of the scale of a model.

    Args:
        scores: [users, num_items] float32.
        seen: same shape, 1 for what the user has rated.
        targets: [targets] int32.

    Returns:
        Scalar, low where the targets stand high.
    """
    applies = 1.0 - tf.gather(seen, targets, axis=1)
    of_target = tf.gather(scores, targets, axis=1)
    if objective == "score":
        cost = -of_target
    else:
        spread = tf.stop_gradient(tf.math.reduce_std(scores, 1, keepdims=True)) * temperature
        hidden = scores - 1e9 * seen
        if objective == "softmax":
            total = tf.reduce_logsumexp(hidden / spread, 1, keepdims=True)
            cost = total - of_target / spread
        else:
            is_target = tf.reduce_sum(tf.one_hot(targets, scores.shape[1]), 0)
            others = tf.math.top_k(hidden - 1e9 * is_target, depth).values[:, -1:]
            below = (others - of_target) / spread
            cost = tf.nn.softplus(below) if objective == "margin" else tf.sigmoid(below)
    return tf.reduce_sum(cost * applies) / tf.maximum(tf.reduce_sum(applies), 1.0)
