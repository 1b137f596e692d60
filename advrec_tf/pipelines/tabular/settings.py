"""The settings of the table pipeline: one frozen record, checked when built.

Imports nothing heavy, so that a mistake is told before TensorFlow loads.
"""

from __future__ import annotations

import dataclasses

from advrec_tf.pipelines.recommend.settings import GAN_LOSSES
from advrec_tf.pipelines.settings import SEED, Settings, at_least, one_of, positive


def _is_half_at_most(value: float) -> bool:
    return 0 < value <= 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableSettings(Settings):
    """Everything that decides the result of `job.run`, apart from the data.

    A `noise_multiplier` above 0 trains the discriminator by DP-SGD (`tabular.private_gan`). Then
    there are no conditions and no autoencoder, the last round is kept, and copies are not refused.

    Attributes:
        conditional: The columns that --condition may set. By default the label alone.
        seed: The seed of everything that is drawn.
        holdout_fraction: The fraction of rows that no generator sees and that quality is measured
            on.
        validation_fraction: The fraction of the other rows that chooses the round to keep.
        max_modes: The largest number of normal distributions that describe a column of numbers.
        loss: The GAN loss.
        critic_steps: Updates of the discriminator for each update of the generator.
        pack: Rows that the discriminator sees together (PacGAN).
        noise_dim: The dimension of the generator's noise.
        adversarial_weight: The weight of the adversarial term in the generator's loss; 0 is the
            ablation.
        reconstruction_weight: The weight of the autoencoder's loss in the same network.
        g_learning_rate: The learning rate of the generator.
        d_learning_rate: The learning rate of the discriminator.
        vae_learning_rate: The learning rate of the variational autoencoder.
        noise_multiplier: The noise of DP-SGD for each gradient, in units of --clip; 0 trains
            without privacy.
        clip: The largest norm of one example's gradient under DP-SGD.
        delta: The delta of (epsilon, delta) privacy.
        noise_seed: The seed of the noise of DP-SGD, for a run that can be repeated and is not
            private from who knows it. By default noise and order of the rows are drawn from entropy
            of the system that is kept nowhere.
        steps: The largest number of generator updates.
        steps_per_round: Generator updates between two validations.
        batch_size: Rows in a batch.
        patience: Rounds without a better validation before training stops.
        refuse_copies: Generate no row that equals a training row which is the only one of its
            kind, as far as the table has enough values.

    Raises:
        ValueError: if a value is out of its range; the message names it.
    """

    conditional: tuple[str, ...] = ()
    seed: int = 0
    holdout_fraction: float = 0.2
    validation_fraction: float = 0.15
    max_modes: int = 10

    loss: str = "wasserstein"
    critic_steps: int = 1
    pack: int = 2
    noise_dim: int = 64
    adversarial_weight: float = 1.0
    reconstruction_weight: float = 0.3
    g_learning_rate: float = 1e-3
    d_learning_rate: float = 1e-3
    vae_learning_rate: float = 1e-3

    noise_multiplier: float = 0.0
    clip: float = 1.0
    delta: float = 1e-5
    noise_seed: int | None = None

    steps: int = 4000
    steps_per_round: int = 200
    batch_size: int = 500
    patience: int = 8
    refuse_copies: bool = True

    RULES = (
        *at_least(1, "max_modes critic_steps pack noise_dim steps steps_per_round batch_size"),
        *at_least(1, "patience"),
        *positive("g_learning_rate d_learning_rate vae_learning_rate clip"),
        ("holdout_fraction", "in (0, .5]", _is_half_at_most),
        ("validation_fraction", "in (0, .5]", _is_half_at_most),
        *at_least(0, "adversarial_weight reconstruction_weight noise_multiplier"),
        ("delta", "in (0, 1)", lambda v: 0 < v < 1),
        SEED,
        ("noise_seed", SEED[1], SEED[2]),
        one_of("loss", GAN_LOSSES),
    )

    def __post_init__(self):
        super().__post_init__()
        if self.noise_seed is not None and not self.private:
            raise ValueError(
                "`noise_seed` should be left out unless `noise_multiplier` > 0. "
                f"Received: {self.noise_seed!r}."
            )

    @property
    def private(self) -> bool:
        return self.noise_multiplier > 0
