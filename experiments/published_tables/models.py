"""The models of the tables: the search space of each, its ablations and its controls.

A model is a record: how it is trained (`trainers`, `gans`), and a finite search space whose first
point is known to work. `settings_from` makes a control of another model: the same settings but for
`override` (noise in place of the gradient). `builds_on` names models whose choices it uses: the
pretrained model of an adversarial fine-tuning, the members of a blend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.harness.entries import Entry
from experiments.published_tables import gans, trainers


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSpec(Entry):
    """An entry of a table.

    Attributes:
        epochs: at most so many while searching; in a final training exactly so many.
        patience, every: of early stopping, in evaluations; and epochs between two of them.
        settings_from: label whose settings it takes, with `override` on top, but not its epochs.
        attacked: its vectors are attacked after training, see `evaluation.robustness`.
    """

    epochs: int = 1
    patience: int = 5
    every: int = 1
    settings_from: str | None = None
    override: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    attacked: bool = False


_BPR = {
    "learning_rate": (0.05, 0.02, 0.1),
    "l2": (0.0, 0.001, 0.003),
    "dim": (64, 128),
    "batch_size": (512,),
    "initial_scale": (0.01,),
}
_APR = {"epsilon": (0.25, 0.5, 0.1), "weight": (1.0, 0.3, 3.0), "learning_rate": (0.01, 0.003)}
_APR_FROM_DNS = {
    "start": ("MF-BPR, DNS",),
    "epsilon": (0.1, 0.25, 0.5),
    "weight": (1.0, 0.3, 3.0),
    "learning_rate": (0.003, 0.01),
}
_SOFTMAX = {
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
_FGSM = {"epsilon": 0.1, "relative": True}
_NOISE = {"direction": "random"}
_AUTOENCODER = {
    "drop": (0.2, 0.35, 0.5),
    "dim": (200,),
    "batch_size": (100,),
    "learning_rate": (0.001,),
}
_VAE = {
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
_GRAPH = {
    "learning_rate": (0.003, 0.01),
    "temperature": (0.2, 0.15),
    "num_layers": (2, 1),
    "batch_size": (2048,),
    "candidates": (2048,),
}
_IRGAN = {
    "mixture": (0.2, 0.6),
    "d_temperature": (3.0, 1.0),
    "g_learning_rate": (0.0003, 0.001),
    "warm_up": (15,),
}
_CFGAN = {
    "mode": ("item",),
    "hidden": (400,),
    "d_learning_rate": (0.0002, 0.0001),
    "l2": (0.003, 0.002),
    "masked": (0.0,),
    "positive": (0.0,),
    "adversarial": (1.0,),
}


def _bpr(**space) -> ModelSpec:
    return ModelSpec(
        train=trainers.factorization,
        space={**_BPR, **space},
        epochs=100,
        every=5,
        ablation="MF-BPR" if space else None,
        attacked=not space,
    )


def _apr(ablation: str, start: str = "MF-BPR", **more) -> ModelSpec:
    return ModelSpec(
        train=trainers.apr,
        epochs=150,
        every=10,
        patience=3,
        ablation=ablation,
        builds_on=(start,),
        attacked=True,
        **more,
    )


def _control_of(label: str, train, ablation: str, override: Mapping, **more) -> ModelSpec:
    return ModelSpec(train=train, settings_from=label, override=override, ablation=ablation, **more)


def _autoencoder(train, space: Mapping, ablation: str | None = None, **more) -> ModelSpec:
    return ModelSpec(
        train=train, space=space, epochs=120, every=10, patience=3, ablation=ablation, **more
    )


def _blend(*members: str, ablation: str | None = None) -> ModelSpec:
    return ModelSpec(
        train=trainers.blend(*members),
        space={"weight": (1.0, 2.0, 0.5, 4.0, 8.0)},
        ablation=ablation,
        builds_on=members,
    )


def _irgan(epochs: int = 16, ablation: str | None = "IRGAN, ablation", **space) -> ModelSpec:
    return ModelSpec(
        train=gans.irgan,
        space={**_IRGAN, **space},
        epochs=epochs,
        every=2,
        ablation=ablation,
        builds_on=(gans.PRETRAINING,),
    )


def _cfgan(ablation: str | None = "CFGAN, ablation", **space) -> ModelSpec:
    return ModelSpec(
        train=gans.cfgan,
        space={**_CFGAN, **space},
        epochs=60,
        every=4,
        patience=4,
        ablation=ablation,
    )


_FAMILIES: Mapping[str, Mapping[str, ModelSpec]] = {
    "popularity": {"popularity": ModelSpec(train=trainers.popularity, seeded=False)},
    "EASE": {
        "EASE": ModelSpec(
            train=trainers.ease,
            space={"l2": (300.0, 100.0, 150.0, 200.0, 500.0, 800.0, 1000.0, 50.0)},
            seeded=False,
        )
    },
    "random walk": {
        "random walk": ModelSpec(
            train=trainers.random_walk,
            space={"item": (0.5, 0.7, 1.0), "user": (0.7, 0.5, 1.0), "target": (0.3, 0.4, 0.5)},
            seeded=False,
        )
    },
    "MF-BPR": {
        "MF-BPR": _bpr(),
        "MF-BPR, DNS": _bpr(negatives=("dns",), count=(4, 8, 2)),
        "MF-BPR, generated negatives": _bpr(negatives=("generator",), count=(8, 16)),
    },
    "APR": {
        "MF-BPR, continued": _apr("MF-BPR", settings_from="APR", override={"weight": 0.0}),
        "APR": _apr("MF-BPR, continued", space=_APR),
        "APR, noise control": _apr("APR", settings_from="APR", override=_NOISE),
        "APR, PGD": _apr("APR", settings_from="APR", override={"steps": 3}),
        "APR from DNS": _apr("APR from DNS, noise control", "MF-BPR, DNS", space=_APR_FROM_DNS),
        "APR from DNS, noise control": _apr(
            "MF-BPR, DNS", "MF-BPR, DNS", settings_from="APR from DNS", override=_NOISE
        ),
    },
    "softmax MF": {
        "softmax MF": ModelSpec(
            train=trainers.factorization, space=_SOFTMAX, epochs=60, every=2, attacked=True
        ),
        "softmax MF, hard weights": _control_of(
            "softmax MF", trainers.factorization, "softmax MF", {"hardness": 0.3}
        ),
        "softmax MF, FGSM": _control_of(
            "softmax MF", trainers.factorization, "softmax MF", _FGSM, attacked=True
        ),
        "softmax MF, noise control": _control_of(
            "softmax MF", trainers.factorization, "softmax MF", {**_FGSM, **_NOISE}, attacked=True
        ),
    },
    "autoencoder": {
        "autoencoder": _autoencoder(trainers.autoencoder, _AUTOENCODER, attacked=True),
        "autoencoder, noise control": _control_of(
            "autoencoder, adversarial",
            trainers.autoencoder,
            "autoencoder, adversarial",
            _NOISE,
            attacked=True,
        ),
        "autoencoder, adversarial": _autoencoder(
            trainers.autoencoder,
            {**_AUTOENCODER, "epsilon": (0.3, 0.1, 0.2, 0.4), "relative": (True,)},
            "autoencoder",
            attacked=True,
        ),
    },
    "Mult-VAE": {
        "Mult-VAE": _autoencoder(trainers.variational, _VAE),
        "Mult-VAE, adversarial": _autoencoder(
            trainers.variational,
            {**_VAE, "epsilon": (0.1, 0.3), "relative": (True,)},
            "Mult-VAE",
        ),
    },
    "blends with EASE": {
        "autoencoder + EASE": _blend("EASE", "autoencoder"),
        "adversarial autoencoder + EASE": _blend(
            "EASE", "autoencoder, adversarial", ablation="autoencoder + EASE"
        ),
    },
    "blends with the random walk": {
        "DNS + random walk": _blend("random walk", "MF-BPR, DNS"),
        "APR from DNS + random walk": _blend(
            "random walk", "APR from DNS", ablation="DNS + random walk"
        ),
        "softmax MF + random walk": _blend("random walk", "softmax MF"),
        "softmax MF, FGSM + random walk": _blend(
            "random walk", "softmax MF, FGSM", ablation="softmax MF + random walk"
        ),
        "autoencoder + random walk": _blend("random walk", "autoencoder"),
        "adversarial autoencoder + random walk": _blend(
            "random walk", "autoencoder, adversarial", ablation="autoencoder + random walk"
        ),
    },
    "GANs": {
        gans.PRETRAINING: ModelSpec(
            train=gans.dns_pretraining,
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
        "IRGAN, pointwise": _irgan(form=("pointwise",)),
        "IRGAN, pairwise": _irgan(form=("pairwise",)),
        "IRGAN, ablation": _irgan(
            24,
            None,
            mixture=(0.2,),
            d_temperature=(3.0,),
            g_learning_rate=(0.001, 0.0003, 0.003),
            form=("none",),
        ),
        "CFGAN": _cfgan(),
        "CFGAN, positive reconstruction": _cfgan(
            d_learning_rate=(0.0005,), masked=(0.7,), positive=(3.0,), adversarial=(0.3, 1.0)
        ),
        "CFGAN, ablation": _cfgan(
            None, d_learning_rate=(0.0005,), positive=(3.0, 1.0), adversarial=(0.0,)
        ),
        "CFGAN, user profiles": _cfgan("CFGAN", mode=("user",), hidden=(200,)),
    },
    "LightGCN": {
        "LightGCN": ModelSpec(
            train=trainers.light_gcn, space=_GRAPH, epochs=30, every=3, patience=3
        ),
        "LightGCN, noise contrast": _control_of(
            "LightGCN, adversarial contrast",
            trainers.light_gcn,
            "LightGCN",
            _NOISE,
            builds_on=("LightGCN",),
        ),
        "LightGCN, adversarial contrast": ModelSpec(
            train=trainers.light_gcn,
            space={"contrast": (0.02, 0.005, 0.1), "epsilon": (0.3, 0.1), "relative": (True,)},
            epochs=30,
            every=3,
            patience=3,
            ablation="LightGCN, noise contrast",
            builds_on=("LightGCN",),
        ),
    },
    # Hard weights spread the gradient over the negatives as a temperature lower by 1 + hardness
    # would: the control of their gain.
    "lower temperature": {
        "softmax MF, lower temperature": _control_of(
            "softmax MF", trainers.factorization, "softmax MF, hard weights", {"cooling": 1.3}
        )
    },
    "blends with softmax MF": {
        "softmax MF + autoencoder": _blend("softmax MF", "autoencoder"),
        "softmax MF + adversarial autoencoder": _blend(
            "softmax MF", "autoencoder, adversarial", ablation="softmax MF + autoencoder"
        ),
    },
}

MODELS: dict[str, ModelSpec] = {
    label: dataclasses.replace(spec, family=family)
    for family, specs in _FAMILIES.items()
    for label, spec in specs.items()
}
"""Every model, in the order of the tables."""


def of_families(*families: str) -> tuple[str, ...]:
    """The labels of whole families, so that no table has a model without its ablations.

    Raises:
        KeyError: if there is no such family.
    """
    return tuple(label for family in families for label in _FAMILIES[family])


def requirements(label: str) -> set[str]:
    """The models whose choices this one uses, directly."""
    spec = MODELS[label]
    return {*spec.builds_on, *([spec.settings_from] if spec.settings_from else [])}


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
