"""The certified ensemble as a defence: it is trained in the place of an EASE victim."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from advrec_tf.defence.certified.subset_ensemble import SubsetEnsemble, subset_ease
from advrec_tf.defence.defences import Defence


@dataclasses.dataclass(frozen=True, kw_only=True)
class SubsetVotes(Defence):
    """Rank by the votes of EASE on random subsets of users, see `SubsetEnsemble`.

    Args:
        l2: of the base models, > 0.
        subset_size, num_models, votes_each: as `SubsetEnsemble` takes them. A certificate wants
            thousands of models; lists alone hardly change beyond a few hundred.
    """

    l2: float = 40.0
    subset_size: int = 10
    num_models: int = 200
    votes_each: int = 25

    needs: ClassVar[frozenset[str]] = frozenset({"subsets"})

    def ensemble(self, *, seed: int) -> SubsetEnsemble:
        """Not yet fitted."""
        return SubsetEnsemble(
            subset_ease(self.l2),
            subset_size=self.subset_size,
            num_models=self.num_models,
            votes_each=self.votes_each,
            seed=seed,
        )

    def trained(self, train, data, *, seed):
        return self.ensemble(seed=seed).fit(data.interactions)
