"""The settings of the text pipeline: one frozen record, checked when built.

Imports nothing heavy, so that mistakes are reported before TensorFlow loads.
"""

from __future__ import annotations

import dataclasses
import re

from advrec_tf.pipelines.recommend.settings import SPLITS, TIES

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
        split: How the test interactions are chosen: the last item of each user (last_item), all
            items of each user's last day (last_day), a random part (random_ratio), or the latest of
            all (global_time).
        ties: What orders interactions of a user with equal times: a hash of the ids (hash), their
            order in the file (file), or the ids of the items (id).
        minimum_rating: Interactions rated lower than this are left out.
        k_core: Users and items with fewer interactions are left out, until all have as many.
        seed: The seed of everything that is drawn.
        strategy: What of the language model trains: nothing (frozen), the top N blocks (top:N),
            LoRA of rank R (lora:R), or all weights (all).
        adversary: What is done to token vectors or words in fine-tuning: none, noise, fgm, pgd,
            freelb, vat, vat_noise, disturbed or worst_disturbed.
        epsilon: The radius of the perturbation, as a fraction of the norm of a text's token
            vectors; for disturbed texts, the fraction of words that change.
        steps: Gradient steps of pgd and freelb, power iterations of vat.
        adversarial_weight: The weight of the adversarial or virtual adversarial loss; freelb has
            none.
        pooling: How the token vectors of a text become one: mean, first or last.
        dim: The dimension of the vectors.
        max_length: The largest number of tokens of a text; longer texts are cut.
        mixed_precision: Compute the language model in half precision and the loss in float32.
        temperature: The temperature of the softmax.
        learning_rate: The learning rate of the first stage, on vectors of the untouched model.
        fine_tuning_rate: The learning rate of fine-tuning.
        epochs: The largest number of epochs of the first stage.
        fine_tuning_epochs: The largest number of epochs of fine-tuning.
        patience: Epochs without a better validation before training stops.
        items_per_batch: Distinct items in a step of fine-tuning; each text is encoded once.
        rows_per_item: The largest number of interactions of each of these items in that step.
    """

    split: str = "last_item"
    ties: str = "hash"
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
        self._require("ties", f"one of {', '.join(TIES)}", lambda v: v in TIES)
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
