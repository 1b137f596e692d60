"""Settings of the augmentation study, checked when built."""

from __future__ import annotations

import dataclasses

PARTS = ("sparse", "cold", "tail", "sequences")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """Of a setting with several values validation chooses one, with the first seed.

    Attributes:
        seed: The first seed; every seed also draws which users are cut.
        seeds: Every entry is trained with so many seeds.
        sequence_seeds: Sequence generators, which are slower, are trained with so many seeds.
        item_core: Items with fewer interactions, and users with fewer than 3, are left out.
        dim, batch_size, learning_rate, temperature, epochs: This is a setting of the factorization
            that is trained on real and generated interactions.
        min_history: Users with fewer interactions get generated ones up to this number.
        weight: This is the weight of a generated interaction.
        gan_epochs: Profile generators are trained at most so many epochs.
        gan_weight: This is the weight of the adversarial loss in every generator.
        strength: Popularity within a group is mixed with so many interactions of all users.
        cap: Steered interactions are so much less popular than real ones, in nats.
        steered_rows: A user gets so many steered interactions, as a fraction of the real ones.
        steered_fraction: A batch holds so many steered interactions, as a fraction of its real
            ones. Adam moves a vector that few interactions touch by as much whatever their weight,
            so how often they come decides.
        row_power: An interaction weighs (interactions of its item)^-power.
        penalty: Serving subtracts this factor of log popularity.
        length: Sequences hold so many items.
        sequence_epochs, game_epochs: Sequence generators train so many epochs by likelihood, and
            against the discriminator.
    """

    seed: int = 0
    seeds: int = 5
    sequence_seeds: int = 3
    item_core: int = 1
    dim: int = 64
    batch_size: int = 512
    learning_rate: float = 0.01
    temperature: float = 0.12
    epochs: int = 24
    min_history: int = 20
    weight: tuple[float, ...] = (0.3, 1.0)
    gan_epochs: int = 60
    gan_weight: float = 0.3
    strength: tuple[float, ...] = (1000.0, 3000.0, 10_000.0, 30_000.0)
    cap: float = 0.7
    steered_rows: float = 0.2
    steered_fraction: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    row_power: tuple[float, ...] = (0.1, 0.3)
    penalty: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    length: int = 10
    sequence_epochs: int = 10
    game_epochs: int = 4

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            zero = field.name in ("seed", "gan_weight")
            for one in value if isinstance(value, tuple) else (value,):
                if one < 0 or (one == 0 and not zero):
                    wanted = ">= 0" if zero else "> 0"
                    raise ValueError(f"`{field.name}` should be {wanted}. Received: {value!r}.")
            if value == ():
                raise ValueError(f"`{field.name}` should hold a value. Received none.")
