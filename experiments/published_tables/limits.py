"""What a table spends on its models, where its data is larger than the spaces were made for.

The spaces of `models` fit the small splits. On larger ones a training is minutes or an hour, an
epoch has more steps and a profile more entries: the values searched there, the fewer epochs and
seeds, and the models without a trial are listed here. The page of a table shows the settings,
trials and seeds that each model had.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from experiments.published_tables.gans import PRETRAINING
from experiments.published_tables.models import of_families


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Where models of a table have less than the full protocol; all by label.

    Attributes:
        sizes: label -> setting -> values in place of the space's own.
        epochs: label -> at most so many while searching, in place of the model's own.
        seeds: label -> at most so many final trainings.
        untuned: labels without a trial of their own: with the settings and epochs of the
            model they take settings from, or else the first of each setting's values and the
            most epochs.
    """

    sizes: Mapping[str, Mapping[str, tuple]] = dataclasses.field(default_factory=dict)
    epochs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    seeds: Mapping[str, int] = dataclasses.field(default_factory=dict)
    untuned: tuple[str, ...] = ()


_LARGE_BPR = {"batch_size": (2048,), "l2": (0.001, 0.003)}
_LARGE_AUTOENCODER = {"batch_size": (200,), "learning_rate": (0.002,), "drop": (0.2, 0.35)}
_LARGEST_AUTOENCODER = {
    **_LARGE_AUTOENCODER,
    "batch_size": (500,),
    "dim": (128,),
    "drop": (0.35, 0.5),
}
_LARGE_GRAPH = {
    "batch_size": (4096,),
    "learning_rate": (0.01,),
    "num_layers": (2, 3),
    "temperature": (0.2, 0.15),
}
_LARGE_BATCHES = {"critic_batch": (128,), "generator_batch": (128,)}


def _large_gan(zeroed: float) -> dict[str, tuple]:
    """CFGAN where the penalty on zeroed entries, a sum over long profiles, would outweigh the
    adversarial loss."""
    sizes = {"zeroed": (zeroed,), "d_learning_rate": (5e-5,), "l2": (0.001, 0.002)}
    return {**_LARGE_BATCHES, **sizes}


FACTORIZATION, SOFTMAX = of_families("MF-BPR"), of_families("softmax MF")
AUTOENCODERS, VARIATIONAL = of_families("autoencoder"), of_families("Mult-VAE")
GANS, GRAPH = of_families("GANs"), of_families("LightGCN")
WALK_BLENDS = of_families("blends with the random walk")
_FOLLOWERS = (
    *SOFTMAX[1:],
    *of_families("lower temperature"),
    "APR, PGD",
    "autoencoder, noise control",
    "LightGCN, noise contrast",
)

ML1M = Limits(
    sizes={
        **dict.fromkeys(FACTORIZATION, _LARGE_BPR),
        "softmax MF": {"batch_size": (2048,), "temperature": (0.2, 0.15)},
        "autoencoder": _LARGE_AUTOENCODER,
        "autoencoder, adversarial": {**_LARGE_AUTOENCODER, "epsilon": (0.1, 0.2, 0.05)},
        **dict.fromkeys(VARIATIONAL, _LARGE_AUTOENCODER),
        "LightGCN": _LARGE_GRAPH,
        PRETRAINING: {"dim": (64,), "decay": (0.1, 0.3, 0.03), "batch_size": (128,)},
        **dict.fromkeys(("CFGAN", "CFGAN, user profiles"), _large_gan(0.3)),
        **dict.fromkeys(("CFGAN, positive reconstruction", "CFGAN, ablation"), _LARGE_BATCHES),
    },
    epochs={
        "APR from DNS": 60,
        **dict.fromkeys((*AUTOENCODERS, *VARIATIONAL), 40),
        **dict.fromkeys(GRAPH, 12),
    },
    seeds=dict.fromkeys((*SOFTMAX[2:], "APR, PGD", *GANS, *GRAPH), 1),
    untuned=_FOLLOWERS,
)
NEUMF = dataclasses.replace(ML1M, untuned=(*_FOLLOWERS, "LightGCN, adversarial contrast"))
GOWALLA = Limits(
    sizes={
        **dict.fromkeys(FACTORIZATION, _LARGE_BPR),
        "softmax MF": {
            "negatives": ("in_batch", "mixed"),
            "count": (2048,),
            "temperature": (0.1, 0.12),
            "batch_size": (2048,),
            "learning_rate": (0.003, 0.001),
            "dim": (64, 128),
        },
        "autoencoder": _LARGEST_AUTOENCODER,
        "autoencoder, adversarial": {**_LARGEST_AUTOENCODER, "epsilon": (0.2, 0.1)},
        **dict.fromkeys(VARIATIONAL, _LARGEST_AUTOENCODER),
        "LightGCN": {**_LARGE_GRAPH, "num_layers": (3, 2), "temperature": (0.1, 0.12)},
    },
    epochs={
        "MF-BPR": 300,
        "MF-BPR, DNS": 200,
        **dict.fromkeys(("APR", "APR from DNS"), 20),
        "softmax MF": 30,
        **dict.fromkeys((*AUTOENCODERS, *VARIATIONAL), 20),
        **dict.fromkeys(GRAPH, 9),
    },
    seeds=dict.fromkeys((*SOFTMAX, *AUTOENCODERS, *WALK_BLENDS, *GRAPH), 2),
    untuned=(
        *_FOLLOWERS,
        "autoencoder, adversarial",
        "Mult-VAE, adversarial",
        *WALK_BLENDS[3:],
    ),
)
LASTFM = Limits(
    sizes={
        "softmax MF": {"negatives": ("in_batch",), "temperature": (0.15, 0.12, 0.1)},
        "CFGAN": {**_large_gan(0.5), "d_learning_rate": (1e-4,), "l2": (0.001, 0.0003)},
        "CFGAN, user profiles": _large_gan(0.05),
        "CFGAN, positive reconstruction": {
            **_LARGE_BATCHES,
            "l2": (0.001, 0.0003),
            "adversarial": (0.3,),
        },
        "CFGAN, ablation": {**_LARGE_BATCHES, "l2": (0.0003,), "positive": (3.0,)},
    }
)
