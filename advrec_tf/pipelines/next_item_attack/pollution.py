"""Curves of polluted histories: what each edit of a user's history costs the next item.

The attacks are those of `attacks.sequential.pollution`, the measure is that of
`evaluation.history_attacks`. Who answers, and what the attacker can ask, is said by `Answering`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from advrec_tf.attacks.sequential.pollution import Goal, ProfilePollution
from advrec_tf.defence.sequential.base import HistoryDetector
from advrec_tf.evaluation.history_attacks import attack_curve
from advrec_tf.models.sequential.model import SequenceModel

TRIALS = 10
"""Edits that the greedy search compares by scores at each step, for each history."""

IGNORES, STAYS_BELOW = "ignores the detector", "stays below the detector"
"""Attackers of a defence that acts on a detector: one fears only a lower score and attacks the
answers as they are given, the other must not be noticed."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Answering:
    """A recommender as an attacker of histories meets it.

    Attributes:
        scorer: what answers, with `score_history(histories) -> [n, num_items]`; the greedy search
            asks it.
        network: what gradients are taken of, the recommender itself or, behind a defence, the
            network it asks; None where there is none, and no search by gradient.
        detector: what the defence acts on; None where there is none. Where there is one, an
            attacker who ignores it is measured beside one who stays below it.
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
    promoted: np.ndarray | int | None = None,
    watching: HistoryDetector | None = None,
    k: int = 10,
    seed: int = 0,
    of_users: bool = False,
) -> list[dict]:
    """A curve for each kind, search and, behind a detector, attacker, from no edit on.

    Args:
        histories: [n, places] int32, `NONE` at the left.
        next_items: [n] int, what really came next; the attack pushes it down.
        kinds, searches: of `ProfilePollution`.
        budgets: edits of each history, rising, >= 1.
        promoted: what the attack pushes up instead, an item or one for each history, [n].
        watching: a detector that is asked how many of the polluted histories it flags.
        of_users: whether points have `ndcg_of_users` as well, [n] float64, for paired tests.

    Returns:
        `kind`, `search`, where the defence has a detector `attacker`, and `points`, each with
        `budget`, `ndcg`, `hit_rate`, `edited`, the share of the histories that differ from the
        clean ones, and, where there is something to measure, `target_hit_rate`, over
        `target_users`, and `flagged`, the share above the threshold.
    """
    item = np.broadcast_to(next_items if promoted is None else promoted, len(histories))
    goal = Goal(item=np.asarray(item, np.int32), promote=promoted is not None)
    found = []
    for kind in kinds:
        for search in searches:
            if search == "gradient" and answering.network is None:
                continue
            for attacker, attacked, detector, trials in _attackers(answering, search):
                attack = ProfilePollution(
                    changes=max(budgets), kind=kind, search=search, trials=trials
                )
                after = attack.after_each(
                    attacked, histories, goal, rng=np.random.default_rng(seed), detector=detector
                )
                shown = {n: edited for n, edited in enumerate(after) if n in (0, *budgets)}
                points = points_of(
                    answering.scorer,
                    shown,
                    next_items,
                    promoted,
                    watching=watching,
                    k=k,
                    of_users=of_users,
                )
                found.append({"kind": kind, "search": search, **attacker, "points": points})
    return found


class Differentiable:
    """The gradients of one model beside the answers of another, for the search by gradient.

    Args:
        network: whose `item_rows`, `last_states` and other attributes are read.
        scorer: whose scores say which of the proposed edits is made.
    """

    def __init__(self, network: SequenceModel, scorer):
        self._network, self.score_history = network, scorer.score_history

    def __getattr__(self, name: str):
        return getattr(self._network, name)


def _attackers(answering: Answering, search: str) -> Iterator[tuple]:
    """(what a curve says of its attacker, what is attacked, the detector stayed below, trials)."""
    by_gradient = search == "gradient"
    plain = (answering.network, 1) if by_gradient else (answering.scorer, TRIALS)
    if answering.detector is None:
        yield {}, plain[0], None, plain[1]
        return
    given = Differentiable(answering.network, answering.scorer) if by_gradient else plain[0]
    yield {"attacker": IGNORES}, given, None, TRIALS
    yield {"attacker": STAYS_BELOW}, plain[0], answering.detector, plain[1]


def points_of(
    scorer,
    shown: dict[int, np.ndarray],
    next_items: np.ndarray,
    promoted: np.ndarray | int | None = None,
    *,
    watching: HistoryDetector | None = None,
    k: int = 10,
    of_users: bool = False,
) -> list[dict]:
    """The points of a curve, budget by budget, of the histories that each budget shows; the first
    shows those that nobody edited."""
    clean = next(iter(shown.values()))
    curve = attack_curve(
        lambda budget: (scorer, shown[int(budget)]),
        shown,
        next_items=next_items,
        promoted=promoted,
        k=k,
    )
    points = []
    for point in curve:
        values = dataclasses.asdict(point)
        each = values.pop("ndcg_of_users")
        values = {name: v for name, v in values.items() if v == v}
        if of_users:
            values["ndcg_of_users"] = each
        if promoted is None:
            del values["target_users"]
        values["edited"] = float((shown[int(point.budget)] != clean).any(1).mean())
        if watching is not None:
            values["flagged"] = float(np.mean(watching.flagged(shown[int(point.budget)])))
        points.append(values)
    return points
