"""What enters the tables: the search space of each model, its ablations and its controls.

A model is a record: how it is trained (`trainers`, `games`), and a finite search space whose
first point is the recipe found to work before. `like` makes a control of another model:
the same settings but for `override` (noise in place of the gradient). `needs` names
models whose choices a model builds on: the start of an adversarial fine-tuning, the
members of a blend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from experiments.published_tables import gans, trainers
from experiments.published_tables.tasks import Settings, Task, Trained


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One row of a table.

    Attributes:
        train: Task -> Trained.
        space: setting -> values; the first of each make the default point.
        epochs: at most so many while searching.
        patience, every: of validation, in epochs between and number of evaluations.
        ablation: label of the same model without the ingredient.
        needs: labels whose choices it uses.
        like: label whose settings it takes, with `override` on top; its epochs are its own.
        seeded: False where every seed gives the same.
        attacked: its vectors are attacked after training, see `evaluation.robustness`.
    """

    train: Callable[[Task], Trained]
    space: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    epochs: int = 1
    patience: int = 5
    every: int = 1
    ablation: str | None = None
    needs: tuple[str, ...] = ()
    like: str | None = None
    override: Settings = dataclasses.field(default_factory=dict)
    seeded: bool = True
    attacked: bool = False

    def default(self) -> dict:
        return {name: values[0] for name, values in self.space.items()}


_BPR_SPACE = {
    "learning_rate": (0.05, 0.02, 0.1),
    "l2": (0.0, 0.001, 0.003),
    "dim": (64, 128),
    "batch_size": (512,),
    "initial_scale": (0.01,),
}
_SOFTMAX_SPACE = {
    "temperature": (0.2, 0.15, 0.12),
    "count": (512,),
    "negatives": ("uniform", "in_batch"),
    "batch_size": (1024,),
    "learning_rate": (0.001, 0.003),
    "dim": (128, 64),
    "loss": ("softmax",),
    "cosine": (True,),
    "initial_scale": (0.01,),
    "optimizer": ("adam",),
}
_CODE_SPACE = {
    "drop": (0.2, 0.35, 0.5),
    "dim": (200,),
    "batch_size": (100,),
    "learning_rate": (0.001,),
}

_VAE_SPACE = {
    "kl_weight": (0.05, 0.2, 0.01),
    "drop": (0.2, 0.35),
    "dim": (200,),
    "hidden": (200,),
    "decoder_hidden": (0,),  # none: the item vectors multiply the code
    "candidates_only": (True,),
    "weight_power": (0.5,),
    "batch_size": (100,),
    "learning_rate": (0.001,),
}
_GRAPH_SPACE = {
    "learning_rate": (0.003, 0.01),
    "temperature": (0.2, 0.15),
    "num_layers": (2, 1),
    "batch_size": (2048,),
    "candidates": (2048,),
}
_IRGAN_SPACE = {
    "mixture": (0.2, 0.6),
    "d_temperature": (3.0, 1.0),
    "g_learning_rate": (0.0003, 0.001),
    "warm_up": (15,),
}

_CFGAN_SPACE = {
    "mode": ("item",),
    "hidden": (400,),
    "d_learning_rate": (0.0002, 0.0001),
    "l2": (0.003, 0.002),
    "masked": (0.0,),
    "positive": (0.0,),
    "adversarial": (1.0,),
}


def _blend(*members: str, ablation: str | None = None) -> ModelSpec:
    return ModelSpec(
        train=trainers.blend(*members),
        space={"weight": (1.0, 2.0, 0.5, 4.0, 8.0)},
        ablation=ablation,
        needs=members,
    )


MODELS: dict[str, ModelSpec] = {
    "popularity": ModelSpec(train=trainers.popularity, seeded=False),
    "EASE": ModelSpec(
        train=trainers.ease,
        space={"l2": (300.0, 100.0, 150.0, 200.0, 500.0, 800.0, 1000.0, 50.0)},
        seeded=False,
    ),
    "walk on the graph": ModelSpec(
        train=trainers.random_walk,
        space={"item": (0.5, 0.7, 1.0), "user": (0.7, 0.5, 1.0), "target": (0.3, 0.4, 0.5)},
        seeded=False,
    ),
    "MF-BPR": ModelSpec(
        attacked=True, train=trainers.factorization, space=_BPR_SPACE, epochs=100, every=5
    ),
    "MF-BPR, DNS": ModelSpec(
        train=trainers.factorization,
        space={**_BPR_SPACE, "negatives": ("dns",), "count": (4, 8, 2)},
        epochs=100,
        every=5,
        ablation="MF-BPR",
    ),
    "MF-BPR, generator's negatives": ModelSpec(
        train=trainers.factorization,
        space={**_BPR_SPACE, "negatives": ("generator",), "count": (8, 16)},
        epochs=100,
        every=5,
        ablation="MF-BPR",
    ),
    "APR": ModelSpec(
        attacked=True,
        train=trainers.apr,
        space={
            "epsilon": (0.25, 0.5, 0.1),
            "weight": (1.0, 0.3, 3.0),
            "learning_rate": (0.01, 0.003),
        },
        epochs=150,
        every=10,
        patience=3,
        ablation="MF-BPR, continued",
        needs=("MF-BPR",),
    ),
    "MF-BPR, continued": ModelSpec(
        attacked=True,
        train=trainers.apr,
        like="APR",
        override={"weight": 0.0},
        ablation="MF-BPR",
        needs=("MF-BPR",),
    ),
    "APR, noise": ModelSpec(
        attacked=True,
        train=trainers.apr,
        like="APR",
        override={"direction": "random"},
        ablation="APR",
        needs=("MF-BPR",),
    ),
    "APR, PGD": ModelSpec(
        attacked=True,
        train=trainers.apr,
        like="APR",
        override={"steps": 3},
        ablation="APR",
        needs=("MF-BPR",),
    ),
    "APR from DNS": ModelSpec(
        attacked=True,
        train=trainers.apr,
        space={
            "start": ("MF-BPR, DNS",),
            "epsilon": (0.1, 0.25, 0.5),
            "weight": (1.0, 0.3, 3.0),
            "learning_rate": (0.003, 0.01),
        },
        epochs=150,
        every=10,
        patience=3,
        ablation="APR from DNS, noise",
        needs=("MF-BPR, DNS",),
    ),
    "APR from DNS, noise": ModelSpec(
        attacked=True,
        train=trainers.apr,
        like="APR from DNS",
        override={"direction": "random"},
        ablation="MF-BPR, DNS",
        needs=("MF-BPR, DNS",),
    ),
    "softmax MF": ModelSpec(
        attacked=True, train=trainers.factorization, space=_SOFTMAX_SPACE, epochs=60, every=2
    ),
    "softmax MF, hard weights": ModelSpec(
        train=trainers.factorization,
        like="softmax MF",
        override={"hardness": 0.3},
        ablation="softmax MF",
    ),
    # Hard weights share the gradient among the negatives as a temperature lower by 1 + hardness
    # would: the control of their gain.
    "softmax MF, lower temperature": ModelSpec(
        train=trainers.factorization,
        like="softmax MF",
        override={"cooling": 1.3},
        ablation="softmax MF, hard weights",
    ),
    "softmax MF, FGSM": ModelSpec(
        attacked=True,
        train=trainers.factorization,
        like="softmax MF",
        override={"epsilon": 0.1, "relative": True},
        ablation="softmax MF",
    ),
    "softmax MF, noise": ModelSpec(
        attacked=True,
        train=trainers.factorization,
        like="softmax MF",
        override={"epsilon": 0.1, "relative": True, "direction": "random"},
        ablation="softmax MF",
    ),
    "autoencoder": ModelSpec(
        attacked=True,
        train=trainers.autoencoder,
        space=_CODE_SPACE,
        epochs=120,
        every=10,
        patience=3,
    ),
    "autoencoder, adversarial": ModelSpec(
        attacked=True,
        train=trainers.autoencoder,
        space={**_CODE_SPACE, "epsilon": (0.3, 0.1, 0.2, 0.4), "relative": (True,)},
        epochs=120,
        every=10,
        patience=3,
        ablation="autoencoder",
    ),
    "autoencoder, noise": ModelSpec(
        attacked=True,
        train=trainers.autoencoder,
        like="autoencoder, adversarial",
        override={"direction": "random"},
        ablation="autoencoder, adversarial",
    ),
    "Mult-VAE": ModelSpec(
        train=trainers.variational, space=_VAE_SPACE, epochs=120, every=10, patience=3
    ),
    "Mult-VAE, adversarial": ModelSpec(
        train=trainers.variational,
        space={**_VAE_SPACE, "epsilon": (0.1, 0.3), "relative": (True,)},
        epochs=120,
        every=10,
        patience=3,
        ablation="Mult-VAE",
    ),
    "autoencoder + EASE": _blend("EASE", "autoencoder"),
    "adversarial autoencoder + EASE": _blend(
        "EASE", "autoencoder, adversarial", ablation="autoencoder + EASE"
    ),
    "DNS + walk": _blend("walk on the graph", "MF-BPR, DNS"),
    "APR from DNS + walk": _blend("walk on the graph", "APR from DNS", ablation="DNS + walk"),
    "softmax MF + walk": _blend("walk on the graph", "softmax MF"),
    "softmax MF, FGSM + walk": _blend(
        "walk on the graph", "softmax MF, FGSM", ablation="softmax MF + walk"
    ),
    "autoencoder + walk": _blend("walk on the graph", "autoencoder"),
    "adversarial autoencoder + walk": _blend(
        "walk on the graph", "autoencoder, adversarial", ablation="autoencoder + walk"
    ),
    "softmax MF + autoencoder": _blend("softmax MF", "autoencoder"),
    "softmax MF + adversarial autoencoder": _blend(
        "softmax MF", "autoencoder, adversarial", ablation="softmax MF + autoencoder"
    ),
    "LightGCN": ModelSpec(
        train=trainers.light_gcn, space=_GRAPH_SPACE, epochs=30, every=3, patience=3
    ),
    "LightGCN, adversarial contrast": ModelSpec(
        train=trainers.light_gcn,
        space={"contrast": (0.02, 0.005, 0.1), "epsilon": (0.3, 0.1), "relative": (True,)},
        epochs=30,
        every=3,
        patience=3,
        ablation="LightGCN, noise contrast",
        needs=("LightGCN",),
    ),
    "LightGCN, noise contrast": ModelSpec(
        train=trainers.light_gcn,
        like="LightGCN, adversarial contrast",
        override={"direction": "random"},
        ablation="LightGCN",
        needs=("LightGCN",),
    ),
    "DNS start of IRGAN": ModelSpec(
        train=gans.dns_start,
        space={
            "dim": (20, 40),
            "candidates": (8, 4),
            "decay": (1.0, 0.3, 2.0),
            "first": (35,),
            "batch_size": (32,),
        },
        epochs=40,
        every=2,
    ),
    "IRGAN, pointwise": ModelSpec(
        train=gans.irgan,
        space={**_IRGAN_SPACE, "form": ("pointwise",)},
        epochs=16,
        every=2,
        ablation="IRGAN's ablation",
        needs=("DNS start of IRGAN",),
    ),
    "IRGAN, pairwise": ModelSpec(
        train=gans.irgan,
        space={**_IRGAN_SPACE, "form": ("pairwise",)},
        epochs=16,
        every=2,
        ablation="IRGAN's ablation",
        needs=("DNS start of IRGAN",),
    ),
    "IRGAN's ablation": ModelSpec(
        train=gans.irgan,
        space={
            **_IRGAN_SPACE,
            "mixture": (0.2,),
            "d_temperature": (3.0,),
            "g_learning_rate": (0.001, 0.0003, 0.003),
            "form": ("none",),
        },
        epochs=24,
        every=2,
        needs=("DNS start of IRGAN",),
    ),
    "CFGAN": ModelSpec(
        train=gans.cfgan,
        space=_CFGAN_SPACE,
        epochs=60,
        every=4,
        patience=4,
        ablation="CFGAN's ablation",
    ),
    "CFGAN, positives written": ModelSpec(
        train=gans.cfgan,
        space={
            **_CFGAN_SPACE,
            "d_learning_rate": (0.0005,),
            "masked": (0.7,),
            "positive": (3.0,),
            "adversarial": (0.3, 1.0),
        },
        epochs=60,
        every=4,
        patience=4,
        ablation="CFGAN's ablation",
    ),
    "CFGAN's ablation": ModelSpec(
        train=gans.cfgan,
        space={
            **_CFGAN_SPACE,
            "d_learning_rate": (0.0005,),
            "positive": (3.0, 1.0),
            "adversarial": (0.0,),
        },
        epochs=60,
        every=4,
        patience=4,
    ),
    "CFGAN, users' profiles": ModelSpec(
        train=gans.cfgan,
        space={**_CFGAN_SPACE, "mode": ("user",), "hidden": (200,)},
        epochs=60,
        every=4,
        patience=4,
        ablation="CFGAN",
    ),
}


def requirements(label: str) -> set[str]:
    """The models whose choices this one builds on, directly."""
    spec = MODELS[label]
    return {*spec.needs, *([spec.like] if spec.like else [])}


def with_requirements(labels: Sequence[str]) -> list[str]:
    """The labels and, before each, whatever it builds on."""
    found: list[str] = []

    def add(label):
        for needed in sorted(requirements(label)):
            add(needed)
        if label not in found:
            found.append(label)

    for label in labels:
        add(label)
    return found
