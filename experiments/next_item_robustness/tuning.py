"""The setting of a row: the strongest whose price on validation is small enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """A setting and what it was chosen from.

    Attributes:
        strength: the setting.
        tried: strength -> NDCG@10 on validation, in the order in which they were tried.
        within: whether the setting keeps the price; else nothing that was tried does, and it is
            the weakest.
    """

    strength: float
    tried: Mapping[float, float]
    within: bool

    def as_dict(self) -> dict:
        """JSON values; `tried` as pairs."""
        return {
            "strength": self.strength,
            "tried": [[strength, value] for strength, value in self.tried.items()],
            "within": self.within,
        }


def strongest(strengths: Sequence[float], measure: Callable[[float], float], least: float) -> Tuned:
    """The strongest setting that still measures `least`.

    They are tried from the weakest on until one falls below, so that no training is spent on
    stronger ones.
    """
    tried: dict[float, float] = {}
    chosen = None
    for strength in strengths:
        tried[strength] = measure(strength)
        if tried[strength] < least:
            break
        chosen = strength
    within = chosen is not None
    return Tuned(strength=chosen if within else strengths[0], tried=tried, within=within)
