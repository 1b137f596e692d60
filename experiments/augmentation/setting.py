"""What each part of the study trains on and is measured on, for each seed.

    sparse   a fifth of the users is cut to 1, 3 or 5 interactions: their withheld history, and
             everybody's next item
    cold     a fifth of the users has no interactions and is known by attributes
    tail     nobody is cut: everybody's next item, and the fraction of rare items in the lists

Every seed draws its own users, so that over seeds most users have been cut once. The next item is
the last in time; data without times have none, and a random fifth of each user's interactions
is tested in its place.
"""

from __future__ import annotations

import dataclasses

from advrec_tf.data import splits
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.protocols import ColdStart, cold_start, sparsest_users
from advrec_tf.evaluation.ranking import RankingEvaluator
from experiments.harness.settings import Setting

MONITOR, TAIL, COVERAGE = "ndcg@10", "long_tail_share@10", "coverage@10"
CUTS = {"sparse": (1, 3, 5), "cold": (0,)}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PartSetting(Setting):
    """A `Setting` that knows which users were cut, or None."""

    metrics: tuple[str, ...] = (MONITOR, TAIL, COVERAGE)
    cold: ColdStart | None = None


def make_setting(part: str, data: Interactions, seed: int) -> PartSetting:
    """The evaluation setting of a part (see above) with users drawn by `seed`.

    Raises:
        ValueError: if there is no such part, or the data is too small to be cut.
    """
    if part not in (*CUTS, "tail"):
        raise ValueError(f"`part` should be one of {(*CUTS, 'tail')}. Received: {part!r}.")
    if data.timestamp is not None:
        split, future = splits.last_item(data, ties="file"), "next item"
    else:
        split = splits.random_ratio(data, validation=0.1, test=0.2, seed=seed)
        future = "random items"
    everybody = RankingEvaluator.of_split(split)
    last = RankingEvaluator(split.train, split.validation)
    if part == "tail":
        return PartSetting(
            seed=seed,
            interactions=split.train,
            validation=last,
            tests={future: everybody},
            groups={"sparsest fifth": sparsest_users(split.train, everybody.users)},
        )
    cold = cold_start(split, counts=CUTS[part], seed=seed)
    validation = RankingEvaluator(cold.train, cold.validation)
    groups = {}
    if part == "cold":
        everybody = RankingEvaluator(
            split.train, split.test, also_seen=split.validation, users=cold.users
        )
    else:
        groups = {"cut users": cold.users}
        groups |= {f"cut to {count}": users for count, users in cold.users_cut_to.items()}
    return PartSetting(
        seed=seed,
        interactions=cold.train,
        # Where the cut users have interactions, everybody counts for the choice of the epoch.
        early_stopping=validation if part == "cold" else last,
        validation=validation,
        tests={"withheld": RankingEvaluator(cold.train, cold.test), future: everybody},
        groups=groups,
        cold=cold,
    )
