"""Curves of polluted histories: what each edit of a user's history costs the next item.

The attacks are those of `attacks.sequential.pollution`, the measure is that of
`evaluation.history_attacks`. Who answers, and what the attacker can ask, is said by `Answering`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from advrec_tf.attacks.sequential.pollution import Goal, ProfilePollution
from advrec_tf.defence.sequential.base import HistoryDetector
from advrec_tf.evaluation.history_attacks import attack_curve
from advrec_tf.models.sequential.model import SequenceModel

TRIALS = 10
"""Edits that the greedy search compares by scores at each step, for each history."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Answering:
    """A recommender as an attacker of histories meets it.

    Attributes:
        scorer: what answers, with `score_history(histories) -> [n, num_items]`; the greedy search
            asks it.
        network: what gradients are taken of, the recommender itself or, behind a defence, the
            network it asks; None where there is none, and no search by gradient.
        detector: that the attacker knows and stays below; None where there is none, or it is not
            known.
    """

    scorer: object
    network: SequenceModel | None = None
    detector: HistoryDetector | None = None


def pollution_curves(
    answering: Answering,
    histories: np.ndarray,
    next_items: np.ndarray,
    *,
    kinds: Sequence[str] = ("substitute",),
    searches: Sequence[str] = ("random", "greedy", "gradient"),
    budgets: Sequence[int] = (1, 2, 5, 10),
    promoted: int | None = None,
    watching: HistoryDetector | None = None,
    k: int = 10,
    seed: int = 0,
) -> list[dict]:
    """A curve for each kind and search, from no edit on.

    Args:
        histories: [n, places] int32, `NONE` at the left.
        next_items: [n] int, what really came next; the attack pushes it down.
        kinds, searches: of `ProfilePollution`.
        budgets: edits of each history, rising, >= 1.
        promoted: an item that the attack pushes up instead.
        watching: a detector that is asked how many of the polluted histories it flags.

    Returns:
        `kind`, `search` and `points`, each with `budget`, `ndcg`, `hit_rate`, and, where there is
        something to measure, `target_hit_rate` and `flagged`, the share above the threshold.
    """
    item = next_items if promoted is None else np.full(len(histories), promoted)
    goal = Goal(item=np.asarray(item, np.int32), promote=promoted is not None)
    found = []
    for kind in kinds:
        for search in searches:
            if search == "gradient" and answering.network is None:
                continue
            attack = ProfilePollution(
                changes=max(budgets),
                kind=kind,
                search=search,
                trials=1 if search == "gradient" else TRIALS,
            )
            attacked = answering.network if search == "gradient" else answering.scorer
            after = attack.after_each(
                attacked,
                histories,
                goal,
                rng=np.random.default_rng(seed),
                detector=answering.detector,
            )
            shown = {n: edited for n, edited in enumerate(after) if n in (0, *budgets)}
            found.append(
                {
                    "kind": kind,
                    "search": search,
                    "points": points_of(
                        answering.scorer, shown, next_items, promoted, watching=watching, k=k
                    ),
                }
            )
    return found


def points_of(
    scorer,
    shown: dict[int, np.ndarray],
    next_items: np.ndarray,
    promoted: int | None = None,
    *,
    watching: HistoryDetector | None = None,
    k: int = 10,
) -> list[dict]:
    """The points of a curve, budget by budget, of the histories that each budget shows."""
    curve = attack_curve(
        lambda budget: (scorer, shown[int(budget)]),
        shown,
        next_items=next_items,
        promoted=promoted,
        k=k,
    )
    points = []
    for point in curve:
        values = {name: v for name, v in dataclasses.asdict(point).items() if v == v}
        if watching is not None:
            values["flagged"] = float(np.mean(watching.flagged(shown[int(point.budget)])))
        points.append(values)
    return points
