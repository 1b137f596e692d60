"""The settings of a GAN of interactions alone: those of the whole comparison that it reads, and
what is generated."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from advrec_tf.pipelines.recommend.settings import (
    GanLoss,
    RecommenderSettings,
    SplitName,
    TieName,
    check_settings,
)

GanName = Literal["profiles", "sequences"]
GANS = get_args(GanName)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanSettings:
    """Everything that decides the result of `gan_job.run`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        model: What is generated: further interactions of users who have few (profiles), or short
            sequences of items (sequences).
        split: How the test interactions are chosen: the last item of each user (last_item), all
            items of each user's last day (last_day), a random part (random_ratio), or the latest of
            all (global_time).
        ties: What orders interactions of a user with equal times: a hash of the ids (hash), their
            order in the file (file), or the ids of the items (id).
        minimum_rating: Interactions rated lower than this are left out.
        k_core: Users and items with fewer interactions are left out, until all have as many.
        seed: The seed of everything that is drawn.
        ease_l2: The weight of the squared norm in EASE, which stands beside the GAN in the report.
        length: The items of a sequence: by default 10. Of the GAN of sequences alone.
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
    split: SplitName = "last_item"
    ties: TieName = "hash"
    minimum_rating: float | None = None
    k_core: int = 0
    seed: int = 0

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

    def __post_init__(self):
        check_settings(self)
        if self.model not in GANS:
            raise ValueError(
                f"`model` should be one of {', '.join(GANS)}. Received: {self.model!r}."
            )
        if self.length is not None and self.length < 2:
            raise ValueError(f"`length` should be >= 2. Received: {self.length!r}.")
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

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
