"""Settings of the augmentation job, checked when built."""

from __future__ import annotations

import dataclasses

PARTS = ("sparse", "cold", "tail", "sequences")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """Several values of a setting are tried on validation, with the first seed.

    Attributes:
        seed: the first; seed n also draws which users are cut.
        seeds: how many.
        sequence_seeds: how many of them train sequence generators, which are slower.
        item_core: items with fewer rows, and users with fewer than 3, are left out.
        dim, batch_size, learning_rate, temperature, epochs: of the factorization that is trained
            on real and generated rows.
        min_history: real plus generated rows of a sparse user.
        weight: of a generated row.
        gan_epochs: of profile generators.
        gan_weight: of the game in every generator.
        strength: rows that group popularity is mixed with.
        cap: drift of popularity of steered rows, nats.
        steered_rows: steered rows a user, as a share of the real ones.
        steered_fraction: of such rows in a batch, to its real ones. (Adam moves a vector that few
        rows
            touch by as much whatever their weight; how often they come decides.)
        row_power: rows weigh (rows of the item)^-power.
        penalty: factor of log popularity that serving subtracts.
        length: items of a sequence.
        sequence_epochs, game_epochs: of likelihood, and of the game that follows.
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
            least = 0 if field.name in ("seed", "gan_weight") else None
            for one in value if isinstance(value, tuple) else (value,):
                if (least is None and one <= 0) or (least is not None and one < least):
                    wanted = "> 0" if least is None else ">= 0"
                    raise ValueError(f"`{field.name}` should be {wanted}. Received: {value!r}.")
            if isinstance(value, tuple) and not value:
                raise ValueError(f"`{field.name}` should hold a value. Received none.")
