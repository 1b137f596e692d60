"""Surrogates of the victim: factorizations that an attacker trains, differentiable in the profiles.

`AlternatingSurrogate` fits one of the two alternating-least-squares models to the known data, then
goes on for a few rounds with fake profiles beside the real users, every half round in closed form
in TensorFlow. The resulting scores of real users have a gradient in every cell of the profiles. Li
et al. 2016 take it through the last round only, with the other side held; Tang et al. 2020 unroll
several. A few rounds overestimate the effect of the profiles: part of the gain is lost when a model
is trained to convergence. `RetrainedSurrogate` trains one, so that an attack can keep what works
there. Objectives are in `objective_loss`; the descent is left to the attacks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.injection import inject
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.scorers import as_scorer
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization

KINDS = ("implicit", "ratings")
OBJECTIVES = ("score", "softmax", "margin", "hit")
_DEFAULT_L2 = {"implicit": 1.0, "ratings": 4.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurrogateModel:
    """Which factorization an attacker takes for the victim.

    Args:
        kind: "implicit" (`ImplicitFactorization`) or "ratings" (`BiasedFactorization`).
        dim: factors, >= 1.
        l2: weight of the squared norms on both sides, > 0; by default 1 for "implicit" and 4 for
            "ratings".
        alpha: confidence of an interaction, > 0; of "implicit" only.

    Raises:
        ValueError: if the kind is unknown or a number out of range.
    """

    kind: str = "implicit"
    dim: int = 32
    l2: float | None = None
    alpha: float = 10.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"`kind` should be one of {KINDS}. Received: {self.kind!r}.")
        if self.dim < 1 or not self.weight_of_norms > 0 or not self.alpha > 0:
            raise ValueError(
                "`dim` should be >= 1, `l2` and `alpha` > 0. "
                f"Received: {self.dim!r}, {self.l2!r}, {self.alpha!r}."
            )

    @property
    def weight_of_norms(self) -> float:
        """`l2`, or the default of the kind."""
        return _DEFAULT_L2[self.kind] if self.l2 is None else self.l2

    def build(self, *, seed: int):
        """The model, not yet fitted."""
        settings = {"dim": self.dim, "l2": self.weight_of_norms, "seed": seed}
        if self.kind == "implicit":
            return ImplicitFactorization(alpha=self.alpha, **settings)
        return BiasedFactorization(**settings)

    def fitting(self, interactions: Interactions, *, seed: int) -> Callable[[Interactions], object]:
        """Interactions -> the fitted model; that of ratings goes on from one fitted to
        `interactions`, the clean data."""
        start = self.build(seed=seed).fit(interactions) if self.kind == "ratings" else None
        model = self.build(seed=seed)
        return lambda poisoned: model.fit(poisoned, start=start)


class AlternatingSurrogate:
    """Real interactions as constants, fake profiles as variables.

    Args:
        interactions: the data that the attacker knows.
        model: the factorization.
        seed: of its first fit.

    Attributes:
        items: [num_items, dim (+ 1)] float32, the item vectors of the first fit.
        mean: by which predicted ratings are centered; 0 for "implicit".

    Raises:
        ValueError: if the data lacks the ratings that the model needs.
    """

    def __init__(self, interactions: Interactions, model: SurrogateModel, *, seed: int = 0):
        self.kind, self.l2, self.alpha = model.kind, model.weight_of_norms, model.alpha
        fitted = model.build(seed=seed).fit(interactions)
        ones = np.ones(len(interactions), np.float32)
        self.mean = 0.0 if model.kind == "implicit" else fitted.mean
        self.items = tf.constant(fitted.items, tf.float32)
        self.num_users, self.num_items = interactions.num_users, interactions.num_items
        self.known = _Sparse(interactions, ones)
        self.pull = self.known
        if model.kind == "ratings":
            self.pull = _Sparse(interactions, interactions.rating - np.float32(fitted.mean))

    def unrolled(
        self, profiles: tf.Tensor, rated: tf.Tensor, items: tf.Tensor, rounds: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`rounds` of solving for users, then for items, from `items` on, with the fake profiles.

        Args:
            profiles: [fakes, num_items] float32, ratings, which "implicit" does not read.
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
        """The regressors of the other side, and [n, 1] the offset of its targets."""
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
        systems = symmetric(squares, dim) + common + self.l2 * tf.eye(dim)
        return tf.linalg.cholesky_solve(tf.linalg.cholesky(systems), sides[:, :, None])[:, :, 0]


class RetrainedSurrogate:
    """The attacker's own copy of the victim, trained to convergence with the profiles in the data.

    Args:
        interactions: the data that the attacker knows.
        targets: [targets] int.
        fit: interactions -> a trained model, anything that `evaluation.scorers.as_scorer` takes.
        goal: "push" or "nuke".
        objective: of `objective_loss`.
    """

    def __init__(
        self,
        interactions: Interactions,
        targets: np.ndarray,
        fit: Callable[[Interactions], object],
        *,
        goal: str = "push",
        objective: str = "softmax",
    ):
        self.interactions, self.targets, self.fit = interactions, targets, fit
        self.objective = objective
        self.sign = 1.0 if goal == "push" else -1.0
        self.seen = tf.constant(interactions.by_user().dense())

    def loss(self, profiles: np.ndarray) -> float:
        """The objective's loss of profiles [fakes, num_items], low where they work."""
        rng = np.random.default_rng(0)  # of times, which the models do not read
        poisoned = inject(
            self.interactions, profiles, targets=self.targets, attack="trial", rng=rng
        ).interactions
        scorer = as_scorer(self.fit(poisoned), poisoned)
        scores = scorer.score(tf.range(self.interactions.num_users))
        targets = tf.constant(self.targets, tf.int32)
        return self.sign * float(
            objective_loss(scores, self.seen, targets, objective=self.objective)
        )


class _Sparse:
    """A matrix of users x items that multiplies from both sides."""

    def __init__(self, interactions: Interactions, values: np.ndarray):
        user, item = interactions.user_index, interactions.item_index
        order = np.lexsort((item, user))
        self._matrix = tf.sparse.SparseTensor(
            np.stack([user, item], 1)[order].astype(np.int64),
            values[order].astype(np.float32),
            [interactions.num_users, interactions.num_items],
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
    """The loss of an attacker who pushes, a mean over users who have not rated the target.

    * "score": minus the target's score (the integrity attack of Li et al. 2016, eq. 8);
    * "softmax": -log of the target's softmax over the unrated items (Tang et al. 2020, eq. 7);
    * "margin": softplus of how far the target stays below the user's `depth`-th best unrated item;
    * "hit": the sigmoid of the same, a smooth fraction of users whose list the target misses. Its
      gradient comes from users near the border, that of "margin" and "softmax" from all.

    The last three read scores in units of `temperature` standard deviations of the user's scores,
    which makes them independent of the scale of a model.

    Args:
        scores: [users, num_items] float32.
        seen: same shape, 1 for items that the user has rated.
        targets: [targets] int32.

    Returns:
        Scalar, low where the targets rank high.
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
