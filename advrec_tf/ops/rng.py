"""What an argument `rng` takes: a generator or a seed, all that `np.random.default_rng` takes.

A public function makes a generator of it where it begins, so that what it calls draws from one
stream. The random numbers of graphs are in `random`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

RNG: TypeAlias = (
    np.random.Generator
    | np.random.BitGenerator
    | np.random.SeedSequence
    | int
    | np.integer
    | Sequence[int]
    | np.ndarray
    | None
)
"""A generator, which is drawn from as it is, or the seed of a new one; None is another one each
time."""
