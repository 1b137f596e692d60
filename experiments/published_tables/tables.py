"""The tables that can be reproduced: split, protocol, published figures, models.

A table is a record. Every choice (settings, epochs) is made on validation interactions: those the
authors of a split published, or else interactions hidden from its training part as `hide` says.
Published figures are given with their source; they are orientation where a protocol left room.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.published_splits import load_benchmark
from advrec_tf.data.splits import Split, random_ratio
from experiments.published_tables import limits
from experiments.published_tables.limits import Limits
from experiments.published_tables.models import of_families

Hide = Callable[[Interactions], np.ndarray]

COMMON = of_families(
    "popularity",
    "EASE",
    "MF-BPR",
    "APR",
    "softmax MF",
    "autoencoder",
    "Mult-VAE",
    "blends with EASE",
    "GANs",
    "LightGCN",
)
ON_A_GRAPH = of_families(
    "popularity",
    "random walk",
    "MF-BPR",
    "APR",
    "softmax MF",
    "autoencoder",
    "Mult-VAE",
    "blends with the random walk",
    "LightGCN",
)


def last_in_file(count: int) -> Hide:
    """Hides the last `count` interactions of each user in file order, but never all of a user."""

    def hide(train: Interactions) -> np.ndarray:
        order = np.argsort(train.user_index, kind="stable")
        counts = train.user_counts()
        ends = np.repeat(np.cumsum(counts), counts)
        from_end = np.empty(len(train), np.int64)
        from_end[order] = ends - 1 - np.arange(len(train))
        limit = np.minimum(count, counts - 1)[train.user_index]
        return from_end < limit

    return hide


def random_fraction(fraction: float, *, users: float = 1.0) -> Hide:
    """Hides a random fraction of the interactions of each user, or of a fraction of the users."""

    def hide(train: Interactions) -> np.ndarray:
        parts = random_ratio(train, validation=0.0, test=fraction, seed=0)
        keys = train.user_index.astype(np.int64) * train.num_items + train.item_index
        test = parts.test
        hidden = test.user_index.astype(np.int64) * train.num_items + test.item_index
        chosen = np.random.default_rng(1).random(train.num_users) < users
        return np.isin(keys, hidden) & chosen[train.user_index]

    return hide


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        benchmark: name of the split, see `data.readers.published_splits`.
        protocol: what is measured, in a sentence.
        metrics: the columns; "recall@k" divides by all relevant items.
        choose_by: metric of every choice on validation, and of the paired comparisons.
        hide: which training interactions become validation; None where the authors published some.
        refit: train the final models on training and validation interactions together.
        references: published model, with its source in brackets -> a figure for each of the
            metrics, None where none is published.
        models: labels of `MODELS`, in the order of the table.
        left_out: model -> why it is not in the table.
        limits: where its models have less than the full protocol.
        choose_every: choices are made on every n-th user of a published validation part.
    """

    benchmark: str
    protocol: str
    metrics: tuple[str, ...]
    choose_by: str
    hide: Hide | None
    references: Mapping[str, tuple[float | None, ...]]
    models: tuple[str, ...] = COMMON
    refit: bool = True
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    limits: Limits = dataclasses.field(default_factory=Limits)
    choose_every: int = 1

    def ks(self) -> tuple[int, ...]:
        return tuple(sorted({int(metric.split("@")[1]) for metric in self.metrics}))

    def published(self) -> dict[str, dict[str, float]]:
        """Published model -> metric -> figure."""
        found = {
            who: dict(zip(self.metrics, figures, strict=True))
            for who, figures in self.references.items()
        }
        return {
            who: {name: value for name, value in figures.items() if value is not None}
            for who, figures in found.items()
        }

    def load(self, root=None) -> tuple[Split, Split]:
        """(for choices: train and validation; for the result: train and test).

        Raises:
            FileNotFoundError: if the data is not there.
        """
        published = load_benchmark(self.benchmark, root)
        nothing = published.train.select(np.zeros(len(published.train), bool))
        if self.hide is None:
            looked_at = published.validation.user_index % self.choose_every == 0
            validation = dataclasses.replace(
                published, validation=published.validation.select(looked_at), test=nothing
            )
            train = published.trainval() if self.refit else published.train
            return validation, dataclasses.replace(published, train=train, validation=nothing)
        hidden = self.hide(published.train)
        validation = dataclasses.replace(
            published,
            train=published.train.select(~hidden),
            validation=published.train.select(hidden),
            test=nothing,
        )
        return validation, published


_ONE_ITEM = {
    "metrics": ("hit_rate@10", "ndcg@10", "hit_rate@50", "ndcg@50"),
    "choose_by": "ndcg@10",
}
_LIGHTGCNPP = {
    "protocol": "random split of the LightGCN++ authors; trained on the training part alone",
    "metrics": ("recall@10", "ndcg@10", "recall@20", "ndcg@20"),
    "choose_by": "ndcg@10",
    "hide": None,
    "refit": False,
}
TABLES: dict[str, Table] = {
    "irgan-ml100k": Table(
        benchmark="irgan-ml100k",
        protocol=(
            "ratings of 4 and 5 are positive; 1,683 items less the training positives are "
            "ranked for the users with a test positive"
        ),
        metrics=("precision@5", "ndcg@5", "precision@10", "ndcg@10"),
        choose_by="ndcg@5",
        hide=random_fraction(0.5, users=0.5),
        references={
            "EASE, l2 300 (NumPy)": (0.4171, 0.457, 0.357, 0.4293),
            "IRGAN, the authors' weights": (0.3785, 0.4053, 0.3184, 0.3775),
            "DNS pretraining, the authors' weights": (0.3474, 0.3749, 0.2967, 0.3518),
        },
    ),
    "apr-loo-ml100k": Table(
        benchmark="apr-loo-ml100k",
        protocol="the last item of each user, full ranking",
        **_ONE_ITEM,
        hide=last_in_file(4),
        references={
            "EASE, l2 500 (NumPy)": (0.1442, 0.0731, 0.3743, None),
            "MF-BPR, grid on test (sisinflab)": (0.1347, 0.0689, 0.3839, 0.1222),
            "APR, grid on test (sisinflab)": (0.1368, 0.0734, 0.3966, 0.126),
        },
    ),
    "apr-loo-amazon": Table(
        benchmark="apr-loo-amazon",
        protocol="one item of each user, full ranking",
        **_ONE_ITEM,
        hide=random_fraction(0.2),
        references={
            "EASE, l2 100 (NumPy)": (0.0861, 0.0469, 0.2148, 0.0749),
            "MF-BPR, grid on test (sisinflab)": (0.0764, 0.0375, 0.2059, 0.0658),
            "APR, grid on test (sisinflab)": (0.0807, 0.0401, 0.213, 0.0687),
        },
        limits=Limits(seeds={"softmax MF, noise control": 1}),
    ),
    "ml1m-neumf-loo": Table(
        benchmark="ml1m-neumf-loo",
        protocol="the last item of each user, full ranking",
        **_ONE_ITEM,
        hide=random_fraction(0.05),
        references={
            "EASE, l2 300 (NumPy)": (0.1121, 0.0552, 0.3197, 0.0998),
            "MF-BPR, grid on test (sisinflab)": (0.0881, 0.0439, 0.2735, 0.0837),
            "APR, grid on test (sisinflab)": (0.0944, 0.0474, 0.2829, 0.0874),
        },
        models=(*COMMON, *of_families("lower temperature")),
        limits=limits.NEUMF,
    ),
    "cfgan-ml100k": Table(
        benchmark="cfgan-ml100k",
        protocol="a random fifth of the ratings, any rating is positive, full ranking",
        metrics=("precision@5", "ndcg@5", "precision@20", "ndcg@20"),
        choose_by="ndcg@5",
        hide=random_fraction(0.2),
        references={
            "EASE, l2 300 (NumPy)": (0.4464, 0.4808, 0.2933, 0.437),
            "CFGAN, the paper (from memory)": (0.444, 0.476, 0.294, 0.433),
        },
    ),
    "gowalla": Table(
        benchmark="gowalla",
        protocol=(
            "a random fifth, full ranking; trained on the training and validation parts, choices "
            "on every sixth user of the validation part"
        ),
        metrics=("recall@20", "ndcg@20"),
        choose_by="ndcg@20",
        hide=None,
        references={
            "MF-BPR (freerec)": (0.1491, 0.1235),
            "LightGCN, 3 layers (its authors)": (0.1824, 0.1547),
        },
        models=ON_A_GRAPH,
        left_out={
            "EASE": "40,981 items need 37 GiB for its closed form; the random walk is the "
            "closed form used here",
            "IRGAN": "each of its dozens of epochs scores all items for all users, 1.2 billion "
            "scores an epoch",
            "CFGAN": "its batch holds all profiles, 29,858 times 40,981 cells of 4 bytes, several "
            "times over",
        },
        limits=limits.GOWALLA,
        choose_every=6,
    ),
    "lightgcnpp-ml1m": Table(
        benchmark="lightgcnpp-ml1m",
        **_LIGHTGCNPP,
        references={
            "EASE, l2 1000 (NumPy)": (0.1642, 0.3274, None, None),
            "MF-BPR (LightGCN++ paper)": (0.1291, 0.2677, None, None),
            "LightGCN (same)": (0.1495, 0.2977, None, None),
            "XSimGCL (same)": (0.1657, 0.3216, None, None),
            "LightGCN++ (same)": (0.1667, 0.3243, None, None),
        },
        models=(*COMMON, *of_families("lower temperature")),
        limits=limits.ML1M,
    ),
    "lightgcnpp-lastfm": Table(
        benchmark="lightgcnpp-lastfm",
        **_LIGHTGCNPP,
        references={
            "MF-BPR (LightGCN++ paper)": (0.1361, 0.1532, None, None),
            "LightGCN (same)": (0.1741, 0.1996, None, None),
            "SimGCL (same)": (0.1795, 0.2049, None, None),
            "LightGCN++ (same)": (0.1889, 0.2171, None, None),
        },
        models=(*COMMON, *of_families("blends with softmax MF")),
        limits=limits.LASTFM,
    ),
}
