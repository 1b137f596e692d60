"""The settings of the GAN of profiles alone: those of the whole comparison that it reads."""

from __future__ import annotations

import dataclasses

from advrec_tf.pipelines.recommend.settings import (
    GanLoss,
    RecommenderSettings,
    SplitName,
    TieName,
    check_settings,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanSettings:
    """Everything that decides the result of `job.run_gan`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        split: How the test interactions are chosen: the last item of each user (last_item), all
            items of each user's last day (last_day), a random part (random_ratio), or the latest of
            all (global_time).
        ties: What orders interactions of a user with equal times: a hash of the ids (hash), their
            order in the file (file), or the ids of the items (id).
        minimum_rating: Interactions rated lower than this are left out.
        k_core: Users and items with fewer interactions are left out, until all have as many.
        seed: The seed of everything that is drawn.
        ease_l2: The weight of the squared norm in EASE, which stands beside the GAN in the report.
        gan_loss: The loss of the GAN.
        gan_weight: The weight of the adversarial term in the generator's loss; its ablation has 0.
        gan_batch_size: Users in a batch.
        gan_epochs: The largest number of epochs.
        gan_patience: Evaluations, one in two epochs, without a better validation before training
            stops.
        gan_d_learning_rate: The learning rate of the discriminator.
        gan_g_learning_rate: The learning rate of the generator.
        generated_min_history: Users with fewer interactions are filled up to this number with
            generated ones.
    """

    split: SplitName = "last_item"
    ties: TieName = "hash"
    minimum_rating: float | None = None
    k_core: int = 0
    seed: int = 0

    ease_l2: tuple[float, ...] = (30.0, 100.0, 300.0, 1000.0)

    gan_loss: GanLoss = "non_saturating"
    gan_weight: float = 0.03
    gan_batch_size: int = 100
    gan_epochs: int = 60
    gan_patience: int = 6
    gan_d_learning_rate: float = 2e-4
    gan_g_learning_rate: float = 2e-3
    generated_min_history: int = 20

    def __post_init__(self):
        check_settings(self)

    def in_comparison(self) -> RecommenderSettings:
        """The settings of a comparison with the same GAN."""
        own = self.as_dict()
        return RecommenderSettings(autoencoder_batch_size=own.pop("gan_batch_size"), **own)

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
