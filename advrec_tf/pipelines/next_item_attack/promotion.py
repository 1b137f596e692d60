"""Promotion by fake users: what a trained next-item model then shows the real ones.

Each attack puts fake users into the training data, the model is trained on them, and the real users
are asked for. A defence may take users out before learning, or answer in the model's place. The
attacks are those of `attacks.sequential`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf.attacks.sequential.camouflage import Camouflage
from advrec_tf.attacks.sequential.co_visitation import CoVisitation
from advrec_tf.attacks.sequential.fake_histories import FakeHistories
from advrec_tf.attacks.sequential.session_flooding import SessionFlooding
from advrec_tf.attacks.sequential.transition_poisoning import TransitionPoisoning
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.sequential.base import HistoryDetector
from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.evaluation.history_attacks import attack_curve

POISONINGS: Mapping[str, Callable[..., FakeHistories]] = {
    "co-visitation": CoVisitation,
    "transitions": TransitionPoisoning,
    "flooding": SessionFlooding,
}
"""Attacks by fake users who know the data."""

ADAPTIVE = "camouflage"
"""The attack by fake users who know the detector as well."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Audience:
    """The real users who are asked for after an attack.

    Attributes:
        histories: [n, places] int32, `NONE` at the left.
        next_items: [n] int, what really came next.
        targets: [targets] int, the items that are promoted.
    """

    histories: np.ndarray
    next_items: np.ndarray
    targets: np.ndarray

    def one_target_each(self) -> np.ndarray:
        """[n] int: the targets in turn, so that a curve is over all of them at the price of one."""
        return np.resize(self.targets, len(self.histories))

    def standing(self, scorer, k: int = 10) -> dict[str, float]:
        """`ndcg` of what came next and `target_hit_rate`, the mean over the targets."""
        points = [
            attack_curve(
                lambda _: (scorer, self.histories),
                [0],
                next_items=self.next_items,
                promoted=int(target),
                k=k,
            )[0]
            for target in self.targets
        ]
        return {
            "ndcg": points[0].ndcg,
            "target_hit_rate": float(np.nanmean([point.target_hit_rate for point in points])),
        }


def attack_of(
    name: str, num_users: int, length: int, detector: HistoryDetector | None = None
) -> FakeHistories:
    """An attack of `POISONINGS`, or the adaptive one, with a budget.

    Raises:
        ValueError: if there is no attack of that name, or the adaptive one lacks a detector.
    """
    if name == ADAPTIVE and detector is not None:
        return Camouflage(num_users=num_users, length=length, detector=detector)
    if name not in POISONINGS:
        raise ValueError(
            f"`name` should be one of {', '.join(POISONINGS)}, or {ADAPTIVE} beside a detector. "
            f"Received: {name!r}."
        )
    return POISONINGS[name](num_users=num_users, length=length)


def poisoned_training(
    clean: Interactions,
    attack: FakeHistories,
    targets: np.ndarray,
    *,
    detectors: Mapping[str, HistoryDetector],
    most: int = 300,
    seed: int = 0,
) -> tuple[Interactions, dict]:
    """(the interactions with fake users in them, what detectors make of those).

    Args:
        detectors: by name, fitted on trusted data; the first is the one that decides.
        most: real users beside whom the fake ones are judged, drawn at random.

    Returns:
        Of the detectors: `fakes_flagged` and `real_flagged`, the shares above the threshold of the
        first, and `auc`, name -> area under the curve.
    """
    poisoned = attack.poison(clean, targets, rng=np.random.default_rng(seed))
    data = poisoned.interactions
    fake = np.asarray(poisoned.is_fake, bool)
    real = np.flatnonzero(~fake & (data.user_counts() > 0))
    drawn = np.random.default_rng(seed).choice(real, min(most, len(real)), replace=False)
    judged = np.concatenate([np.flatnonzero(fake), drawn])
    asked = data.select(np.isin(data.user_index, judged))
    suspicion = {name: found.score(asked)[judged] for name, found in detectors.items()}
    labels = fake[judged]
    first = next(iter(detectors))
    flagged = suspicion[first] > detectors[first].threshold
    return data, {
        "fakes_flagged": float(flagged[labels].mean()),
        "real_flagged": float(flagged[~labels].mean()),
        "auc": {
            name: area_under_curve(labels.astype(int), values) for name, values in suspicion.items()
        },
    }


def usual_length(interactions: Interactions, most: int) -> int:
    """What fake users touch so as not to stand out by it: the median of the real ones, 2..most."""
    counts = interactions.user_counts()
    return int(np.clip(np.median(counts[counts > 0]), 2, most))
