"""The baselines of every results table: popularity, closed-form EASE and a walk on the graph.

All are fitted without gradient steps. A learned or adversarial model has to be better than
these.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories, distinct_rows
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.time_units import length_of_day
from advrec_tf.models.base import ClosedForm, log_popularity
from advrec_tf.models.gram import gram_matrix, inverse_of, weighted_profiles
from advrec_tf.models.graph.propagation import RowSparse
from advrec_tf.models.item_regression import ItemRegression
from advrec_tf.models.rater_counts import PowerOfCount
from advrec_tf.models.sequential.history_scores import require_items

EASE_MEMORY_LIMIT = 8 * 2**30
"""Bytes that fitting EASE may take: three float64 matrices of items x items."""

DUAL_RATIO = 4
"""With this many times more items than users EASE has no weights of items."""


class Popularity(ClosedForm):
    """Every user gets the items with the most training interactions."""

    def fit(self, interactions: Interactions) -> Popularity:
        self.interactions = interactions
        self._scores = tf.constant(log_popularity(interactions))
        return self

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return tf.tile(self._scores[None, :], [tf.size(user_index), 1])

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32 item indices, which change nothing, -> [batch, num_items] float32.

        Raises:
            ValueError: if an index is none of an item.
        """
        require_items(histories, self.interactions.num_items, "histories")
        return tf.tile(self._scores[None, :], [tf.shape(histories)[0], 1])


class RecentPopularity(Popularity):
    """Every user gets the items with the most interactions of the last days of training.

    Equal counts go by the interactions of all time. The baseline to beat where the split is one
    moment for all users.

    Args:
        days: how many, > 0, back from the last training interaction.

    Raises:
        ValueError: if `days` is not positive.
    """

    def __init__(self, days: float = 7.0):
        if not days > 0:
            raise ValueError(f"`days` should be > 0. Received: {days!r}.")
        self.days = days

    def fit(self, interactions: Interactions) -> RecentPopularity:
        """Count.

        Raises:
            ValueError: if there are no times, or their unit cannot be found by their size.
        """
        time = interactions.timestamp
        if time is None:
            raise ValueError(
                "`interactions` should have timestamps. Received interactions without."
            )
        self.interactions = interactions
        recent = time > np.nanmax(time) - self.days * length_of_day(time)
        counts = np.bincount(
            interactions.item_index[recent], minlength=interactions.num_items
        ).astype(np.float64)
        ever = interactions.item_counts()
        self._scores = tf.constant(counts + ever / (ever.max(initial=0) + 1.0), tf.float32)
        return self


class EASE(ClosedForm):
    """Embarrassingly shallow autoencoder; Steck 2019, eq. 8 (arXiv:1905.03375).

    B = I - P / diag(P), P = (X'X + l2 I)^-1, diagonal of B zero; scores are X B. The Gram
    matrix is exact (counts), the inverse is taken in float64.

    Where there are more items than users the same scores come from the inverse of users x users,
    see `ItemRegression`. B is then formed when `weights` is asked for, and never where there are
    many more items than users (`DUAL_RATIO`).

    Args:
        l2: factor of the squared norm of the weights, > 0, in units of interactions.

    Examples:
        >>> import advrec_tf as ar
        >>> split = ar.data.load("synthetic", num_users=40, num_items=30).split("last_item")
        >>> model = ar.models.EASE(l2=100.0).fit(split.train)
        >>> tuple(model.score([0, 1]).shape)
        (2, 30)
        >>> len(model.recommend(["u0001"], k=3))
        3
    """

    count_law = PowerOfCount(of_weight=0.5)

    def __init__(self, l2: float = 300.0):
        if not l2 > 0:
            raise ValueError(f"`l2` should be > 0. Received: {l2!r}.")
        self.l2 = l2

    @staticmethod
    def fits(interactions: Interactions) -> bool:
        """Whether `fit` needs no more than `EASE_MEMORY_LIMIT` bytes."""
        return _ease_bytes(interactions) <= EASE_MEMORY_LIMIT

    def fit(self, interactions: Interactions, *, weight: np.ndarray | None = None) -> EASE:
        """Solve for B.

        Args:
            weight: [interactions] float >= 0, how much each counts: X of the solution holds their
                square roots, so a user whose interactions all weigh w is a row of the regression
                that weighs w. Scores are of the whole profiles. None counts all alike.

        Raises:
            ValueError: if that needs more than `EASE_MEMORY_LIMIT` bytes.
        """
        num_items = interactions.num_items
        if not self.fits(interactions):
            raise ValueError(
                f"EASE on {num_items} items needs {_ease_bytes(interactions) / 2**30:.1f} GiB, "
                f"over the limit of {EASE_MEMORY_LIMIT / 2**30:.1f} GiB. Use a factorization or "
                "a tower instead."
            )
        self.interactions = interactions
        self._histories, self._weight = Histories(interactions.by_user()), weight
        self._weights = self._scores = None
        if interactions.num_users < num_items:
            scores = ItemRegression(interactions, weight, l2=self.l2).scores()
            # An unknown user has no history: the last row.
            self._scores = tf.constant(np.append(scores, np.zeros((1, num_items), np.float32), 0))
        else:
            self._weights = self._over_items(weight)
        return self

    @property
    def weights(self) -> tf.Tensor | None:
        """[num_items, num_items] float32, B; None where there are `DUAL_RATIO` times more items
        than users. Where the users were fewer it is formed when it is first asked for."""
        if self._weights is None and not _over_users(self.interactions):
            found = ItemRegression(self.interactions, self._weight, l2=self.l2).weights()
            self._weights = tf.constant(found)
        return self._weights

    def _over_items(self, weight: np.ndarray | None) -> tf.Tensor:
        if weight is None:
            gram = gram_matrix(self.interactions)
        else:
            rows = weighted_profiles(self.interactions, weight)
            gram = (rows.T @ rows).toarray()
        gram[np.diag_indices(len(gram))] += self.l2
        inverse = inverse_of(gram)
        weights = inverse / -np.diag(inverse)
        weights[np.diag_indices(len(gram))] = 0.0
        return tf.constant(weights, tf.float32)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        if self._scores is not None:
            return tf.gather(self._scores, tf.minimum(user_index, len(self._scores) - 1))
        return tf.matmul(self._histories.dense(user_index), self.weights)

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32 item indices, `NONE` where there is none, -> [batch, num_items] float32.

        Raises:
            ValueError: if EASE was solved over the users, which gives no weights of items, or an
                index is none of an item.
        """
        if self.weights is None:
            raise ValueError(
                "EASE that was solved over the users scores those users alone. Received histories, "
                f"of data with over {DUAL_RATIO} times more items than users."
            )
        require_items(histories, self.interactions.num_items, "histories")
        return tf.matmul(distinct_rows(histories, self.interactions.num_items), self.weights)


def _over_users(interactions: Interactions) -> bool:
    return DUAL_RATIO * interactions.num_users < interactions.num_items


def _ease_bytes(interactions: Interactions) -> int:
    over_users = _over_users(interactions)
    size = interactions.num_users if over_users else interactions.num_items
    return 3 * 8 * size * interactions.num_items


class RandomWalk(ClosedForm):
    """From a user's items to their users and on to these users' items, popularity discounted.

        score(u, i) = sum over j of u's items, v of j's users:  d_j^-item d_v^-user d_i^-target
                      where v has i

    d counts the distinct training pairs of a user or an item. (1, 1, beta) is RP3beta with
    alpha = 1 (Paudel et al. 2017, doi:10.1145/2955101); (.5, 1, .5) is the linear filter of
    GF-CF (Shen et al. 2021, arXiv:2108.07567). Nothing of the size items x items is formed, so
    it can be fitted where EASE does not fit into memory.

    Args:
        item, user, target: the exponents, >= 0; `target` discounts popular items.

    Raises:
        ValueError: if an exponent is negative.
    """

    def __init__(self, *, item: float = 1.0, user: float = 1.0, target: float = 0.5):
        for name, exponent in (("item", item), ("user", user), ("target", target)):
            if not exponent >= 0:
                raise ValueError(f"`{name}` should be >= 0. Received: {exponent!r}.")
        self.item, self.user, self.target = item, user, target

    @property
    def count_law(self) -> PowerOfCount:
        """A sum over the users who have the item, divided by a power of their number."""
        return PowerOfCount(exponent=1.0 - self.target, of_weight=0.5)

    def fit(self, interactions: Interactions, *, weight: np.ndarray | None = None) -> RandomWalk:
        """Count.

        Args:
            weight: [interactions] float >= 0, how much each counts: a step over it is worth its
                root, since a path over two interactions of a user who weighs w counts as w, and d
                sums weights. Of a pair that stands several times the highest counts. Scores are of
                the whole profiles. None counts all alike.
        """
        self.interactions = interactions
        rows = weighted_profiles(
            interactions, np.ones(len(interactions)) if weight is None else weight
        )
        users, items = rows.nonzero()
        root = rows.data[rows.data > 0]
        sizes = interactions.num_users, interactions.num_items
        user_rows = np.bincount(users, root**2, minlength=sizes[0])[users]
        item_rows = np.bincount(items, root**2, minlength=sizes[1])[items]
        self._to_users = RowSparse(
            users, items, root * item_rows**-self.item * user_rows**-self.user, sizes
        )
        self._to_items = RowSparse(items, users, root * item_rows**-self.target, sizes[::-1])
        self._histories = Histories(interactions.by_user())
        return self

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self._walk(self._histories.dense(user_index))

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32 item indices, `NONE` where there is none, -> [batch, num_items] float32:
        what a user with these items would get.

        Raises:
            ValueError: if an index is none of an item.
        """
        require_items(histories, self.interactions.num_items, "histories")
        return self._walk(distinct_rows(histories, self.interactions.num_items))

    def _walk(self, profiles: tf.Tensor) -> tf.Tensor:
        return tf.transpose(self._to_items @ (self._to_users @ tf.transpose(profiles)))


class ItemKNN(RandomWalk):
    """Items by the cosine with those of a user: sum over j of u's items of n_ij / sqrt(n_i n_j).

    n_ij counts the users with both items, i is compared with every j (Deshpande and Karypis 2004,
    doi:10.1145/963770.963776, all items being neighbors). It is the walk with the exponents
    (.5, 0, .5), so no matrix of items x items is formed and large catalogues fit.
    """

    def __init__(self):
        super().__init__(item=0.5, user=0.0, target=0.5)
