"""Evaluation of detectors of fake profiles: precision and recall at a realistic base rate.

Fake users are rare in practice and frequent in most test sets: here every measure is for a stated
base rate of fakes (1 % by default), whatever the fraction in the test set. With true-positive rate
T and false-positive rate F at a threshold, precision at base rate p is pT / (pT + (1 - p)F).

The protocol: a detector is fitted on some users and some attacks, and evaluated on other users and
other attacks (`evaluate` refuses shared users). A *transductive* detector needs no labels and is
fitted on the profiles that it scores; its results say so. Thresholds come from the scores of
presumed honest users, never from test labels. Detectors are left to `defence`.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.classification import area_under_curve

BASE_RATE = 0.01


class Labeled(Protocol):
    """Interactions whose fake users are known, such as `attacks.injection.Poisoned`."""

    interactions: Interactions
    is_fake: np.ndarray


class Scorer(Protocol):
    """The interface of a detector that `evaluate` needs; see `defence.detectors.base.Detector`."""

    transductive: bool

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None): ...

    def score(self, interactions: Interactions) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """Precision and recall from the strictest threshold to the loosest.

    Attributes:
        threshold: [points] float64, falling; a user is flagged at this score or above.
        precision, recall: [points] float64, in 0..1, at `base_rate`.
        base_rate: fraction of fakes that the precision is for.
        num_fakes, num_honest: of the scored users.
    """

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    base_rate: float
    num_fakes: int
    num_honest: int

    @property
    def average_precision(self) -> float:
        """Sum of precision times gained recall; `base_rate` for a detector that guesses."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Detection:
    """The measures of one detector on one set of users.

    Attributes:
        auc: area under the ROC curve, which does not depend on the base rate.
        precision, recall: at `threshold`; precision is 0 where no user is flagged.
        false_positive_rate: fraction of honest users flagged at `threshold`.
        threshold: chosen beforehand.
        curve: precision and recall at all thresholds.
        transductive: whether the detector was fitted on these profiles, without labels.
    """

    auc: float
    precision: float
    recall: float
    false_positive_rate: float
    threshold: float
    curve: Curve
    transductive: bool

    @property
    def average_precision(self) -> float:
        """Of the curve, at its base rate."""
        return self.curve.average_precision

    def as_dict(self) -> dict:
        """The measures, with the average precision in place of the curve, as JSON values."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del values["curve"]
        return {
            "average_precision": self.average_precision,
            **values,
            "fakes": self.curve.num_fakes,
            "honest": self.curve.num_honest,
        }


def precision_recall(labels, scores, *, base_rate: float | None = BASE_RATE) -> Curve:
    """The curve over all thresholds; users with equal scores are flagged together.

    Args:
        labels: [users] bool or 0/1, True for a fake.
        scores: [users] float, high means suspicious; -inf is allowed, NaN is not.
        base_rate: in (0, 1); None takes the fraction of fakes among these users.

    Raises:
        ValueError: if shapes differ, all labels are equal, a score is NaN, or the base rate lies
            outside (0, 1).
    """
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(
            "`labels` and `scores` should be vectors of one length. "
            f"Received shapes: {labels.shape} and {scores.shape}."
        )
    fakes = int(labels.sum())
    if not 0 < fakes < len(labels):
        raise ValueError(
            f"`labels` should hold fakes and honest users. Received {fakes} fakes of "
            f"{len(labels)} users."
        )
    if np.isnan(scores).any():
        raise ValueError(f"`scores` should not be NaN. Received {np.isnan(scores).sum()} NaN.")
    rate = fakes / len(labels) if base_rate is None else base_rate
    if not 0 < rate < 1:
        raise ValueError(f"`base_rate` should lie in (0, 1). Received: {base_rate!r}.")
    order = np.argsort(-scores, kind="stable")
    ordered, found = scores[order], labels[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # of each group of equal scores
    true_rate = np.cumsum(found)[last] / fakes
    false_rate = np.cumsum(~found)[last] / (len(labels) - fakes)
    return Curve(
        threshold=ordered[last],
        precision=rate * true_rate / (rate * true_rate + (1.0 - rate) * false_rate),
        recall=true_rate,
        base_rate=rate,
        num_fakes=fakes,
        num_honest=len(labels) - fakes,
    )


def average_precision(labels, scores, *, base_rate: float | None = BASE_RATE) -> float:
    """Average precision at a base rate; see `precision_recall`."""
    return precision_recall(labels, scores, base_rate=base_rate).average_precision


def threshold_for(scores, flagged: float = 0.01) -> float:
    """The lowest threshold that flags at most the fraction `flagged` of presumed honest users.

    No label is used: where there are fakes among these users the threshold is only stricter.

    Args:
        scores: [users] of users presumed honest; -inf where a user was not scored.
        flagged: in [0, 1).

    Raises:
        ValueError: if no user was scored or `flagged` lies outside [0, 1).
    """
    scores = np.asarray(scores, np.float64)
    scores = np.sort(scores[scores > -np.inf])[::-1]
    if not len(scores) or not 0 <= flagged < 1:
        raise ValueError(
            "`scores` should hold a scored user and `flagged` lie in [0, 1). "
            f"Received: {len(scores)} scored and {flagged!r}."
        )
    allowed = int(np.floor(flagged * len(scores)))
    return float(np.nextafter(scores[allowed], np.inf))


def detection(
    labels, scores, *, threshold: float, transductive: bool, base_rate: float = BASE_RATE
) -> Detection:
    """All measures of scored users; arguments as in `precision_recall`."""
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, np.float64)
    curve = precision_recall(labels, scores, base_rate=base_rate)
    flagged = scores >= threshold
    true_rate, false_rate = flagged[labels].mean(), flagged[~labels].mean()
    caught = curve.base_rate * true_rate
    called = caught + (1.0 - curve.base_rate) * false_rate
    return Detection(
        auc=area_under_curve(labels, scores),
        precision=float(caught / called) if called else 0.0,
        recall=float(true_rate),
        false_positive_rate=float(false_rate),
        threshold=float(threshold),
        curve=curve,
        transductive=transductive,
    )


def evaluate(
    detector: Scorer,
    test: Labeled,
    *,
    trained_on: Interactions,
    honest: Interactions,
    base_rate: float = BASE_RATE,
    flagged: float = 0.01,
    threshold: float | None = None,
) -> Detection:
    """The measures of one detector on one attacked set of users.

    A detector that is not transductive has been fitted on `trained_on`; a transductive one is
    fitted here, on the test profiles and without their labels.

    Args:
        test: the users to score, fake and honest; users without interactions are left out.
        trained_on: what the detector was fitted on; its users may not be honest users of `test`
            (the ids of fake users are new in each injection).
        honest: users presumed honest, such as a trusted part of the history, for the threshold;
            none of them may be in `test` either.
        flagged: fraction of `honest` that the threshold may flag.
        threshold: of an earlier call with the same detector and `honest`; a transductive detector
            has a new one every time.

    Raises:
        ValueError: if users are shared.
    """
    _refuse_shared("trained_on", trained_on, test)
    _refuse_shared("honest", honest, test)
    if detector.transductive:
        detector.fit(test.interactions)
    scores = detector.score(test.interactions)
    scored = test.interactions.user_counts() > 0
    if detector.transductive:  # its scores are comparable among each other only
        threshold = threshold_for(scores[scored], flagged)
    elif threshold is None:
        threshold = threshold_for(detector.score(honest), flagged)
    return detection(
        test.is_fake[scored],
        scores[scored],
        threshold=threshold,
        transductive=detector.transductive,
        base_rate=base_rate,
    )


def _refuse_shared(name: str, known: Interactions, test: Labeled) -> None:
    scored = test.interactions
    known_ids = known.users.ids[known.user_counts() > 0]
    honest_ids = scored.users.ids[(scored.user_counts() > 0) & ~test.is_fake]
    shared = np.intersect1d(known_ids, honest_ids)
    if len(shared):
        raise ValueError(
            f"`{name}` should share no user with the profiles to score. "
            f"Received {len(shared)} shared, among them {shared[0]!r}."
        )
