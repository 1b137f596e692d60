"""The settings of a GAN of interactions alone: those of the whole comparison that it reads, and
what is generated."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from advrec_tf.pipelines.recommend.settings import GAN_LOSSES, GanLoss, RecommenderSettings
from advrec_tf.pipelines.settings import SplitSettings, at_least, described, one_of, positive

GanName = Literal["profiles", "sequences"]
GANS = get_args(GanName)
LEAST_LENGTH = 2
"""Items of the shortest sequences that are generated."""


@described
@dataclasses.dataclass(frozen=True, kw_only=True)
class GanSettings(SplitSettings):
    """Everything that decides the result of `gan_job.run`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        model: What is generated: further interactions of users who have few (profiles), or short
            sequences of items (sequences).
        ease_l2: The weight of the squared norm in EASE, which stands beside the GAN in the report.
        length: The items of a sequence: by default 10, and no more than the longest history has.
            Of the GAN of sequences alone.
        gan_loss: The loss of the GAN.
        gan_weight: The weight of the adversarial term in the generator's loss; its ablation has 0.
        gan_batch_size: Users, or sequences, in a batch.
        gan_epochs: The largest number of epochs.
        gan_patience: Evaluations, one in two epochs, without a better validation before training
            stops.
        gan_d_learning_rate: The learning rate of the discriminator.
        gan_g_learning_rate: The learning rate of the generator.
        generated_min_history: Users with fewer interactions are filled up to this number with
            generated ones. By default 20. Of the GAN of profiles alone.
    """

    model: GanName = "profiles"

    ease_l2: tuple[float, ...] = (30.0, 100.0, 300.0, 1000.0)

    length: int | None = None
    gan_loss: GanLoss = "non_saturating"
    gan_weight: float = 0.03
    gan_batch_size: int = 100
    gan_epochs: int = 60
    gan_patience: int = 6
    gan_d_learning_rate: float = 2e-4
    gan_g_learning_rate: float = 2e-3
    generated_min_history: int | None = None

    RULES = (
        one_of("model", GANS),
        *positive("ease_l2 gan_d_learning_rate gan_g_learning_rate"),
        *at_least(LEAST_LENGTH, "length"),
        *at_least(1, "gan_batch_size gan_epochs gan_patience generated_min_history"),
        *at_least(0, "gan_weight"),
        one_of("gan_loss", GAN_LOSSES),
    )

    def __post_init__(self):
        super().__post_init__()
        for name, model in (("length", "sequences"), ("generated_min_history", "profiles")):
            if getattr(self, name) is not None and self.model != model:
                raise ValueError(
                    f"`{name}` should be given for the model {model} alone. Received: `model` is "
                    f"{self.model!r}."
                )

    @property
    def items_of_a_sequence(self) -> int:
        """`length`, or what it is by default."""
        return 10 if self.length is None else self.length

    @property
    def filled_up_to(self) -> int:
        """`generated_min_history`, or what it is by default."""
        return 20 if self.generated_min_history is None else self.generated_min_history

    def in_comparison(self) -> RecommenderSettings:
        """The settings of a comparison with the same GAN."""
        own = self.as_dict() | {"generated_min_history": self.filled_up_to}
        del own["model"], own["length"]
        return RecommenderSettings(autoencoder_batch_size=own.pop("gan_batch_size"), **own)
