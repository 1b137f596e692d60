"""The tables that can be reproduced: split, protocol, figures of others, what enters.

A table is a record. Every choice (settings, epochs) is made on validation rows: those the
authors of a split published, or else rows hidden from its training part as `hide` says.
Figures of others are given with where they come from; they are orientation where a
protocol left room.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf.data.benchmarks import load_benchmark
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split, random_ratio

Hide = Callable[[Interactions], np.ndarray]


def last_in_file(rows: int) -> Hide:
    """Hides the last `rows` rows of each user in file order, all of a user but one at most."""

    def hide(train: Interactions) -> np.ndarray:
        order = np.argsort(train.user_index, kind="stable")
        counts = train.user_counts()
        ends = np.repeat(np.cumsum(counts), counts)
        from_end = np.empty(len(train), np.int64)
        from_end[order] = ends - 1 - np.arange(len(train))
        limit = np.minimum(rows, counts - 1)[train.user_index]
        return from_end < limit

    return hide


def random_share(share: float, *, users: float = 1.0) -> Hide:
    """Hides a random share of the rows of each user, or of a random share of the users."""

    def hide(train: Interactions) -> np.ndarray:
        parts = random_ratio(train, validation=0.0, test=share, seed=0)
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
        benchmark: name of the split in `data.benchmarks`.
        protocol: what is measured, in a sentence.
        metrics: the columns; "plain_recall@k" divides by all relevant items.
        choose_by: metric of every choice on validation, and of the paired comparisons.
        hide: which training rows become validation; None where the authors published some.
        refit: train the final models on training and validation rows together.
        references: model of others -> {metric: figure}, with where it comes from as key part.
        enters: labels of `contenders.CONTENDERS`, in the order of the rows.
        left_out: model -> why it has no row.
        sizes: label -> setting -> values in place of the space's own, for data larger than
            the spaces were made for.
        epochs: label -> at most so many while searching, in place of the contender's own.
        seeds: label -> at most so many final trainings, where one is long.
        untried: labels without a trial of their own, where one is long: with the settings and
            epochs of the contender they are `like`, or else the first of each setting's values
            and the most epochs.
        choose_every: choices look at every so-manieth user of a published validation part.
    """

    benchmark: str
    protocol: str
    metrics: tuple[str, ...]
    choose_by: str
    hide: Hide | None
    refit: bool
    references: Mapping[str, Mapping[str, float]]
    enters: tuple[str, ...]
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sizes: Mapping[str, Mapping[str, tuple]] = dataclasses.field(default_factory=dict)
    epochs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    seeds: Mapping[str, int] = dataclasses.field(default_factory=dict)
    untried: tuple[str, ...] = ()
    choose_every: int = 1

    def ks(self) -> tuple[int, ...]:
        return tuple(sorted({int(metric.split("@")[1]) for metric in self.metrics}))

    def load(self, root=None) -> tuple[Split, Split]:
        """(for choices: train and validation; for the result: train and test).

        Raises:
            FileNotFoundError: if the data is not there.
        """
        published = load_benchmark(self.benchmark, root)
        nothing = published.train.select(np.zeros(len(published.train), bool))
        if self.hide is None:
            looked_at = published.validation.user_index % self.choose_every == 0
            choosing = dataclasses.replace(
                published, validation=published.validation.select(looked_at), test=nothing
            )
            train = published.trainval() if self.refit else published.train
            return choosing, dataclasses.replace(published, train=train, validation=nothing)
        hidden = self.hide(published.train)
        choosing = dataclasses.replace(
            published,
            train=published.train.select(~hidden),
            validation=published.train.select(hidden),
            test=nothing,
        )
        return choosing, published


_LARGE_BPR = {"batch_size": (2048,), "l2": (0.001, 0.003)}
_LARGE_CODE = {"batch_size": (200,), "learning_rate": (0.002,), "drop": (0.2, 0.35)}
_LARGE_GRAPH = {
    "batch_size": (4096,),
    "learning_rate": (0.01,),
    "num_layers": (2, 3),
    "temperature": (0.2, 0.15),
}
ML1M = {
    "MF-BPR": _LARGE_BPR,
    "MF-BPR, DNS": _LARGE_BPR,
    "MF-BPR, generator's negatives": _LARGE_BPR,
    "softmax MF": {"batch_size": (2048,), "temperature": (0.2, 0.15)},
    "autoencoder": _LARGE_CODE,
    "autoencoder, adversarial": {**_LARGE_CODE, "epsilon": (0.1, 0.2, 0.05)},
    "Mult-VAE": _LARGE_CODE,
    "Mult-VAE, adversarial": _LARGE_CODE,
    "LightGCN": _LARGE_GRAPH,
}
ML1M_EPOCHS = {
    "autoencoder": 40,
    "autoencoder, adversarial": 40,
    "Mult-VAE": 40,
    "Mult-VAE, adversarial": 40,
    "APR from DNS": 60,
    "LightGCN": 12,
    "LightGCN, adversarial contrast": 12,
}
_LARGEST_CODE = {**_LARGE_CODE, "batch_size": (500,), "dim": (128,), "drop": (0.35, 0.5)}
GOWALLA = {
    "MF-BPR": _LARGE_BPR,
    "MF-BPR, DNS": _LARGE_BPR,
    "MF-BPR, generator's negatives": _LARGE_BPR,
    "softmax MF": {
        "negatives": ("in_batch", "mixed"),
        "count": (2048,),
        "temperature": (0.1, 0.12),
        "batch_size": (2048,),
        "learning_rate": (0.003, 0.001),
        "dim": (64, 128),
    },
    "autoencoder": _LARGEST_CODE,
    "autoencoder, adversarial": {**_LARGEST_CODE, "epsilon": (0.2, 0.1)},
    "Mult-VAE": _LARGEST_CODE,
    "Mult-VAE, adversarial": _LARGEST_CODE,
    "LightGCN": {**_LARGE_GRAPH, "num_layers": (3, 2), "temperature": (0.1, 0.12)},
}
GOWALLA_EPOCHS = {
    "MF-BPR": 300,
    "MF-BPR, DNS": 200,
    "APR": 20,
    "APR from DNS": 20,
    "softmax MF": 30,
    "autoencoder": 20,
    "autoencoder, adversarial": 20,
    "Mult-VAE": 20,
    "Mult-VAE, adversarial": 20,
    "LightGCN": 9,
    "LightGCN, adversarial contrast": 9,
}
IN_BATCH = {"softmax MF": {"negatives": ("in_batch",), "temperature": (0.15, 0.12, 0.1)}}

FACTORISATION = ("MF-BPR", "MF-BPR, DNS", "MF-BPR, generator's negatives")
APR = (
    "MF-BPR, continued",
    "APR",
    "APR, noise",
    "APR, PGD",
    "APR from DNS",
    "APR from DNS, noise",
)
SOFTMAX = ("softmax MF", "softmax MF, hard weights", "softmax MF, FGSM", "softmax MF, noise")
AUTOENCODERS = ("autoencoder", "autoencoder, noise", "autoencoder, adversarial")
VARIATIONAL = ("Mult-VAE", "Mult-VAE, adversarial")
BLENDS = ("autoencoder + EASE", "adversarial autoencoder + EASE")
WALK_BLENDS = (
    "DNS + walk",
    "APR from DNS + walk",
    "softmax MF + walk",
    "softmax MF, FGSM + walk",
    "autoencoder + walk",
    "adversarial autoencoder + walk",
)
SOFTMAX_BLENDS = ("softmax MF + autoencoder", "softmax MF + adversarial autoencoder")
GANS = (
    "DNS start of IRGAN",
    "IRGAN, pointwise",
    "IRGAN, pairwise",
    "IRGAN's twin",
    "CFGAN",
    "CFGAN, positives written",
    "CFGAN's twin",
    "CFGAN, users' profiles",
)
GRAPH = ("LightGCN", "LightGCN, noise contrast", "LightGCN, adversarial contrast")
BASE = ("popularity", "EASE")
WITH_EASE = (
    *BASE,
    *FACTORISATION,
    *APR,
    *SOFTMAX,
    *AUTOENCODERS,
    *VARIATIONAL,
    *BLENDS,
    *GANS,
    *GRAPH,
)

ML1M_SEEDS = dict.fromkeys((*SOFTMAX[1:], "APR, PGD", *GANS, *GRAPH), 1)
UNTRIED = (*SOFTMAX[1:], "APR, PGD", "autoencoder, noise", "LightGCN, noise contrast")
GOWALLA_SEEDS = dict.fromkeys((*SOFTMAX, *AUTOENCODERS, *WALK_BLENDS, *GRAPH), 2)

TABLES: dict[str, Table] = {
    "irgan-ml100k": Table(
        benchmark="irgan-ml100k",
        protocol=(
            "ratings of 4 and 5 are positive; 1,683 items less the training positives are "
            "ranked for the users with a test positive"
        ),
        metrics=("precision@5", "ndcg@5", "precision@10", "ndcg@10"),
        choose_by="ndcg@5",
        hide=random_share(0.5, users=0.5),
        refit=True,
        references={
            "EASE, ridge 300 (NumPy)": {
                "precision@5": 0.4171,
                "ndcg@5": 0.457,
                "precision@10": 0.357,
                "ndcg@10": 0.4293,
            },
            "IRGAN, the authors' weights": {
                "precision@5": 0.3785,
                "ndcg@5": 0.4053,
                "precision@10": 0.3184,
                "ndcg@10": 0.3775,
            },
            "DNS start, the authors' weights": {
                "precision@5": 0.3474,
                "ndcg@5": 0.3749,
                "precision@10": 0.2967,
                "ndcg@10": 0.3518,
            },
        },
        enters=WITH_EASE,
    ),
    "apr-loo-ml100k": Table(
        benchmark="apr-loo-ml100k",
        protocol="the last item of each user, full ranking",
        metrics=("hit_rate@10", "ndcg@10", "hit_rate@50", "ndcg@50"),
        choose_by="ndcg@10",
        hide=last_in_file(4),
        refit=True,
        references={
            "EASE, ridge 500 (NumPy)": {
                "hit_rate@10": 0.1442,
                "ndcg@10": 0.0731,
                "hit_rate@50": 0.3743,
            },
            "MF-BPR, grid on test (sisinflab)": {
                "hit_rate@10": 0.1347,
                "ndcg@10": 0.0689,
                "hit_rate@50": 0.3839,
                "ndcg@50": 0.1222,
            },
            "APR, grid on test (sisinflab)": {
                "hit_rate@10": 0.1368,
                "ndcg@10": 0.0734,
                "hit_rate@50": 0.3966,
                "ndcg@50": 0.1260,
            },
        },
        enters=WITH_EASE,
    ),
    "apr-loo-amazon": Table(
        benchmark="apr-loo-amazon",
        protocol="one item of each user, full ranking",
        metrics=("hit_rate@10", "ndcg@10", "hit_rate@50", "ndcg@50"),
        choose_by="ndcg@10",
        hide=random_share(0.2),
        refit=True,
        references={
            "EASE, ridge 100 (NumPy)": {
                "hit_rate@10": 0.0861,
                "ndcg@10": 0.0469,
                "hit_rate@50": 0.2148,
                "ndcg@50": 0.0749,
            },
            "MF-BPR, grid on test (sisinflab)": {
                "hit_rate@10": 0.0764,
                "ndcg@10": 0.0375,
                "hit_rate@50": 0.2059,
                "ndcg@50": 0.0658,
            },
            "APR, grid on test (sisinflab)": {
                "hit_rate@10": 0.0807,
                "ndcg@10": 0.0401,
                "hit_rate@50": 0.2130,
                "ndcg@50": 0.0687,
            },
        },
        enters=WITH_EASE,
        seeds={"softmax MF, noise": 1},
    ),
    "ml1m-neumf-loo": Table(
        benchmark="ml1m-neumf-loo",
        protocol="the last item of each user, full ranking",
        metrics=("hit_rate@10", "ndcg@10", "hit_rate@50", "ndcg@50"),
        choose_by="ndcg@10",
        hide=random_share(0.05),
        refit=True,
        references={
            "EASE, ridge 300 (NumPy)": {
                "hit_rate@10": 0.1121,
                "ndcg@10": 0.0552,
                "hit_rate@50": 0.3197,
                "ndcg@50": 0.0998,
            },
            "MF-BPR, grid on test (sisinflab)": {
                "hit_rate@10": 0.0881,
                "ndcg@10": 0.0439,
                "hit_rate@50": 0.2735,
                "ndcg@50": 0.0837,
            },
            "APR, grid on test (sisinflab)": {
                "hit_rate@10": 0.0944,
                "ndcg@10": 0.0474,
                "hit_rate@50": 0.2829,
                "ndcg@50": 0.0874,
            },
        },
        enters=WITH_EASE,
        sizes=ML1M,
        epochs=ML1M_EPOCHS,
        seeds=ML1M_SEEDS,
        untried=(*UNTRIED, "LightGCN, adversarial contrast"),
    ),
    "cfgan-ml100k": Table(
        benchmark="cfgan-ml100k",
        protocol="a random fifth of the ratings, any rating is positive, full ranking",
        metrics=("precision@5", "ndcg@5", "precision@20", "ndcg@20"),
        choose_by="ndcg@5",
        hide=random_share(0.2),
        refit=True,
        references={
            "EASE, ridge 300 (NumPy)": {
                "precision@5": 0.4464,
                "ndcg@5": 0.4808,
                "precision@20": 0.2933,
                "ndcg@20": 0.437,
            },
            "CFGAN, the paper (from memory)": {
                "precision@5": 0.444,
                "ndcg@5": 0.476,
                "precision@20": 0.294,
                "ndcg@20": 0.433,
            },
        },
        enters=WITH_EASE,
    ),
    "gowalla": Table(
        benchmark="gowalla",
        protocol=(
            "a random fifth, full ranking; trained on training and validation rows, choices on "
            "every sixth user of the validation part"
        ),
        metrics=("plain_recall@20", "ndcg@20"),
        choose_by="ndcg@20",
        hide=None,
        refit=True,
        references={
            "MF-BPR (freerec)": {"plain_recall@20": 0.1491, "ndcg@20": 0.1235},
            "LightGCN, 3 layers (its authors)": {"plain_recall@20": 0.1824, "ndcg@20": 0.1547},
        },
        enters=(
            "popularity",
            "walk on the graph",
            *FACTORISATION,
            *APR,
            *SOFTMAX,
            *AUTOENCODERS,
            *VARIATIONAL,
            *WALK_BLENDS,
            *GRAPH,
        ),
        left_out={
            "EASE": "40,981 items need 37 GiB for its closed form; the walk on the graph is the "
            "closed form that stands here",
            "IRGAN": "each of its dozens of epochs scores all items for all users, 1.2 billion "
            "scores a move",
            "CFGAN": "its batch holds all profiles, 29,858 times 40,981 cells of 4 bytes, several "
            "times over",
        },
        sizes=GOWALLA,
        epochs=GOWALLA_EPOCHS,
        seeds=GOWALLA_SEEDS,
        untried=(*UNTRIED, "autoencoder, adversarial", *WALK_BLENDS[3:]),
        choose_every=6,
    ),
    "lightgcnpp-ml1m": Table(
        benchmark="lightgcnpp-ml1m",
        protocol="random split of the LightGCN++ authors; trained on training rows alone",
        metrics=("plain_recall@10", "ndcg@10", "plain_recall@20", "ndcg@20"),
        choose_by="ndcg@10",
        hide=None,
        refit=False,
        references={
            "EASE, ridge 1000 (NumPy)": {"plain_recall@10": 0.1642, "ndcg@10": 0.3274},
            "MF-BPR (LightGCN++ paper)": {"plain_recall@10": 0.1291, "ndcg@10": 0.2677},
            "LightGCN (same)": {"plain_recall@10": 0.1495, "ndcg@10": 0.2977},
            "XSimGCL (same)": {"plain_recall@10": 0.1657, "ndcg@10": 0.3216},
            "LightGCN++ (same)": {"plain_recall@10": 0.1667, "ndcg@10": 0.3243},
        },
        enters=WITH_EASE,
        sizes=ML1M,
        epochs=ML1M_EPOCHS,
        seeds=ML1M_SEEDS,
        untried=UNTRIED,
    ),
    "lightgcnpp-lastfm": Table(
        benchmark="lightgcnpp-lastfm",
        protocol="random split of the LightGCN++ authors; trained on training rows alone",
        metrics=("plain_recall@10", "ndcg@10", "plain_recall@20", "ndcg@20"),
        choose_by="ndcg@10",
        hide=None,
        refit=False,
        references={
            "MF-BPR (LightGCN++ paper)": {"plain_recall@10": 0.1361, "ndcg@10": 0.1532},
            "LightGCN (same)": {"plain_recall@10": 0.1741, "ndcg@10": 0.1996},
            "SimGCL (same)": {"plain_recall@10": 0.1795, "ndcg@10": 0.2049},
            "LightGCN++ (same)": {"plain_recall@10": 0.1889, "ndcg@10": 0.2171},
        },
        enters=(*WITH_EASE, *SOFTMAX_BLENDS),
        sizes=IN_BATCH,
    ),
}
