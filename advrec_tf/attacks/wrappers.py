"""The base of attacks that wrap another attack and have its budget."""

from __future__ import annotations

import dataclasses

from advrec_tf.attacks.heuristic import Attack


@dataclasses.dataclass(frozen=True, kw_only=True)
class WrappedAttack:
    """An attack that uses the profiles of another attack.

    Args:
        attack: generates the profiles; its size is the budget.
    """

    attack: Attack

    @property
    def num_profiles(self) -> int:
        return self.attack.num_profiles

    @property
    def num_fillers(self) -> int:
        return self.attack.num_fillers

    def resized(self, *, num_profiles: int, num_fillers: int) -> WrappedAttack:
        """The same around an attack with another budget."""
        inner = self.attack.resized(num_profiles=num_profiles, num_fillers=num_fillers)
        return dataclasses.replace(self, attack=inner)
