"""Several defences as one: what each asks of the data, of weights and of the ranking, in order."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from advrec_tf.defence.defences import Defence, DefendedData, Train
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.models.base import Recommender


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain(Defence):
    """Defences one after another: each gets the data that the one before has left.

    Weights multiply; the suspicion is the first there is. Of those that rank the last is outermost.

    Args:
        defences: at least one, each of which only alters the data or the ranking.

    Raises:
        ValueError: if one wraps the model or trims, or there is none.
    """

    defences: tuple[Defence, ...]

    def __post_init__(self):
        unfit = [d for d in self.defences if d.trim or type(d).wrap is not Defence.wrap]
        if unfit or not self.defences:
            raise ValueError(
                "`defences` should only alter data or ranking, and be at least one. "
                f"Received: {unfit[0] if unfit else 'none'}."
            )

    @property
    def needs(self) -> frozenset[str]:  # of the victim, as `Defence.needs`
        return frozenset().union(*(defence.needs for defence in self.defences))

    @property
    def detector(self) -> Callable[[int], Detector] | None:
        """The detector of the first defence that has one: what an attacker would evade."""
        found = [d.detector for d in self.defences if hasattr(d, "detector")]
        return found[0] if found else None

    def knowing(self, verified):
        told = tuple(defence.knowing(verified) for defence in self.defences)
        return dataclasses.replace(self, defences=told)

    def trained(self, train, data, *, seed):
        for defence in self.defences:
            train = functools.partial(_trained, defence, train, seed)
        return train(data)

    def training_data(self, interactions, *, seed):
        data = DefendedData(interactions=interactions)
        for defence in self.defences:
            found = defence.training_data(data.interactions, seed=seed)
            weight = found.weight
            if data.weight is not None:
                if len(found.interactions) != len(data.interactions):
                    raise ValueError(
                        "`defences` should weigh interactions after all others have removed or "
                        f"added some. Received: {type(defence).__name__} after weights."
                    )
                weight = data.weight if weight is None else data.weight * weight
            suspicion = found.suspicion if data.suspicion is None else data.suspicion
            data = DefendedData(interactions=found.interactions, weight=weight, suspicion=suspicion)
        return data


def _trained(defence: Defence, train: Train, seed: int, data: DefendedData) -> Recommender:
    return defence.trained(train, data, seed=seed)
