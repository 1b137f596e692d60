"""The settings of the text-tower job: one frozen record, checked when built, stored as JSON.

Apart from the job, so that mistakes are told before TensorFlow loads.
"""

from __future__ import annotations

import dataclasses
import re

from advrec_tf.pipelines.recommend.settings import SPLITS

ADVERSARIES = (
    "none",
    "noise",
    "fgm",
    "pgd",
    "freelb",
    "vat",
    "vat_noise",
    "disturbed",
    "worst_disturbed",
)
STRATEGY = r"frozen|all|(top|lora):[1-9][0-9]*"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextTowerSettings:
    """Everything that decides the result of `job.run`, apart from data and model.

    Attributes:
        split: how test rows are chosen: each user's last item, a share at random, or the latest.
        minimum_rating: rows rated lower are left out.
        k_core: users and items with fewer rows are left out, until all have as many.
        seed: of everything that is drawn.
        strategy: what of the language model trains: frozen, top:N, lora:R or all.
        adversary: what is done to token vectors or words in fine-tuning: none, noise, fgm, pgd,
            freelb, vat, vat_noise, disturbed or worst_disturbed.
        epsilon: its radius, as a share of the norm of a text's token vectors; the share of the
            words that are disturbed.
        steps: gradient steps of pgd and freelb, power iterations of vat.
        adversarial_weight: of the adversarial or virtual term; freelb has none.
        pooling: of a text's token vectors: mean, first or last.
        dim: of the vectors.
        max_length: tokens of a text.
        mixed_precision: half precision in the language model, the loss in float32.
        temperature: of the softmax.
        learning_rate: of the start, on the vectors of the untouched model.
        fine_tuning_rate: of the language model and all else in fine-tuning.
        epochs, fine_tuning_epochs: at most.
        patience: epochs without a better one until training stops.
        items_per_batch: distinct items of a step of fine-tuning, whose texts are encoded once.
        rows_per_item: most interactions of each of them in that step.
    """

    split: str = "last_item"
    minimum_rating: float | None = None
    k_core: int = 0
    seed: int = 0

    strategy: str = "top:1"
    adversary: str = "none"
    epsilon: float = 0.05
    steps: int = 3
    adversarial_weight: float = 1.0
    pooling: str = "mean"
    dim: int = 128
    max_length: int = 64
    mixed_precision: bool = False
    temperature: float = 0.12

    learning_rate: float = 5e-3
    epochs: int = 30
    fine_tuning_rate: float = 5e-5
    fine_tuning_epochs: int = 3
    patience: int = 3
    items_per_batch: int = 32
    rows_per_item: int = 32

    def __post_init__(self):
        at_least_one = "steps dim epochs fine_tuning_epochs patience items_per_batch rows_per_item"
        for name in at_least_one.split():
            self._require(name, ">= 1", lambda v: v >= 1)
        for name in ("temperature", "learning_rate", "fine_tuning_rate"):
            self._require(name, "> 0", lambda v: v > 0)
        for name in ("epsilon", "adversarial_weight", "k_core"):
            self._require(name, ">= 0", lambda v: v >= 0)
        self._require("max_length", ">= 3", lambda v: v >= 3)
        self._require("seed", "in 0..2147483647", lambda v: 0 <= v < 2**31)
        self._require("split", f"one of {', '.join(SPLITS)}", lambda v: v in SPLITS)
        self._require("adversary", f"one of {', '.join(ADVERSARIES)}", lambda v: v in ADVERSARIES)
        self._require("pooling", "mean, first or last", lambda v: v in ("mean", "first", "last"))
        self._require(
            "strategy",
            "'frozen', 'top:N', 'lora:R' or 'all'",
            lambda v: re.fullmatch(STRATEGY, v) is not None,
        )

    def _require(self, name, wanted, holds):
        value = getattr(self, name)
        if not holds(value):
            raise ValueError(f"`{name}` should be {wanted}. Received: {value!r}.")

    @property
    def fine_tunes(self) -> bool:
        """Whether the language model runs in training at all."""
        return self.strategy != "frozen" or self.adversary != "none"

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
