"""Which items a positive is compared with: frozen settings, of which data make a sampler.

Settings that a pairwise loss and a softmax take: `Uniform`, `ByPopularity`, `InBatch`, `Mixed`.
Settings that look at scores and so give one negative a positive: `DNS`, `Generator`. What is
made of the negatives is left to `models.objectives`. A setting's `sampler(interactions, seed=...)`
is one of `samplers`.
"""

from __future__ import annotations

import dataclasses

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.samplers import (
    GeneratorSampler,
    HardestSampler,
    InBatchSampler,
    MixedSampler,
    PopularitySampler,
    Sampler,
    UniformSampler,
)


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Every item alike (Rendle et al. 2009, arXiv:1205.2618)."""

    def sampler(self, interactions: Interactions, *, seed: int = 0) -> Sampler:
        return UniformSampler(interactions)


@dataclasses.dataclass(frozen=True)
class ByPopularity:
    """Proportional to (interactions of the item)^exponent (Mikolov et al. 2013).

    Attributes:
        exponent: >= 0; an item without interactions is never drawn.

    Raises:
        ValueError: if `exponent` is negative.
    """

    exponent: float = 0.75

    def __post_init__(self):
        if not self.exponent >= 0:
            raise ValueError(f"`exponent` should be >= 0. Received: {self.exponent!r}.")

    def sampler(self, interactions: Interactions, *, seed: int = 0) -> Sampler:
        return PopularitySampler(interactions, self.exponent)


@dataclasses.dataclass(frozen=True)
class InBatch:
    """The items of the batch's other positives; a batch of one has none and is refused."""

    def sampler(self, interactions: Interactions, *, seed: int = 0) -> Sampler:
        return InBatchSampler(interactions)


@dataclasses.dataclass(frozen=True)
class Mixed:
    """In-batch and uniform items beside each other (Yang et al. 2020): half and half for a
    pairwise loss; for a softmax the whole batch and as many uniform items as it asks for."""

    def sampler(self, interactions: Interactions, *, seed: int = 0) -> Sampler:
        return MixedSampler(interactions)


@dataclasses.dataclass(frozen=True)
class DNS:
    """Dynamic negative sampling: the highest scored of some uniform items (Zhang et al. 2013).

    An item that the user is known to have is never drawn.

    Attributes:
        candidates: uniform items a positive, >= 1.

    Raises:
        ValueError: if `candidates` < 1.
    """

    candidates: int = 8

    def __post_init__(self):
        _require_at_least_one(candidates=self.candidates)

    def sampler(self, interactions: Interactions, *, seed: int = 0) -> Sampler:
        return HardestSampler(interactions, self.candidates)


@dataclasses.dataclass(frozen=True)
class Generator:
    """One of some uniform items, chosen by a generator that is trained beside the model.

    The generator is a second, smaller factorization. It draws by the softmax of its scores and
    follows the policy gradient of the model's loss, less the batch's mean, so that it finds what
    the model confuses with a positive: the pairwise minimax game of IRGAN (Wang et al. 2017,
    arXiv:1705.10513), in which the model is the discriminator and keeps the ranking. An item
    that the user is known to have is never drawn.

    Attributes:
        candidates: uniform items a positive, >= 1.
        dim: factors of the generator, >= 1.
        initial_scale: standard deviation of its first factors, > 0.

    Raises:
        ValueError: if a number is out of range.
    """

    candidates: int = 8
    dim: int = 16
    initial_scale: float = 0.1

    def __post_init__(self):
        _require_at_least_one(candidates=self.candidates, dim=self.dim)
        if not self.initial_scale > 0:
            raise ValueError(f"`initial_scale` should be > 0. Received: {self.initial_scale!r}.")

    def sampler(self, interactions: Interactions, *, seed: int = 0) -> Sampler:
        return GeneratorSampler(interactions, **dataclasses.asdict(self), seed=seed)


SHARED = (Uniform, ByPopularity, InBatch, Mixed)
"""The settings whose draws a batch can share."""

PAIRWISE = (*SHARED, DNS, Generator)
"""The settings that give one negative a positive: all."""


BY_NAME = {
    "uniform": Uniform,
    "popularity": ByPopularity,
    "in_batch": InBatch,
    "mixed": Mixed,
    "dns": DNS,
    "generator": Generator,
}
"""Name in a file of settings -> the class."""


def _require_at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"`{name}` should be >= 1. Received: {number!r}.")
