"""The settings of the text pipeline: one frozen record, checked when built.

Imports nothing heavy, so that mistakes are reported before TensorFlow loads.
"""

from __future__ import annotations

import dataclasses
import re

from advrec_tf.pipelines.settings import SplitSettings, at_least, described, one_of, positive

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


def _is_strategy(text: str) -> bool:
    return re.fullmatch(STRATEGY, text) is not None


@described
@dataclasses.dataclass(frozen=True, kw_only=True)
class TextTowerSettings(SplitSettings):
    """Everything that decides the result of `job.run`, apart from data and model.

    Attributes:
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

    RULES = (
        *at_least(1, "steps dim epochs fine_tuning_epochs patience items_per_batch rows_per_item"),
        *positive("temperature learning_rate fine_tuning_rate"),
        *at_least(0, "epsilon adversarial_weight"),
        *at_least(3, "max_length"),
        one_of("adversary", ADVERSARIES),
        one_of("pooling", ("mean", "first", "last")),
        ("strategy", "'frozen', 'top:N', 'lora:R' or 'all'", _is_strategy),
    )

    @property
    def fine_tunes(self) -> bool:
        """Whether the language model runs in training at all."""
        return self.strategy != "frozen" or self.adversary != "none"
