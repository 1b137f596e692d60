"""How well fake profiles are found: precision and recall at a realistic base rate.

Fake users are rare, and most test sets are not: here every figure is for a stated share of
fakes (1 % by default), whatever the share in the test set. With true-positive rate T and
false-positive rate F at a threshold, precision at base rate p is pT / (pT + (1 - p)F).

The protocol: a detector is fitted on some users and some attacks, and judges other users and
other attacks (`judge` refuses shared users). A *transductive* detector needs no labels and is
fitted on the very profiles it judges; its results say so. Thresholds come from the scores of
presumed honest users, never from test labels. Which detectors there are is left to `defence`.
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
    """What `judge` needs of a detector; see `defence.detectors.Detector`."""

    transductive: bool

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None): ...

    def score(self, interactions: Interactions) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """Precision and recall from the strictest threshold to the loosest.

    Attributes:
        threshold: [points] float64, falling; a user is flagged at this score or above.
        precision, recall: [points] float64, in 0..1, at `base_rate`.
        base_rate: share of fakes the precision is for.
    """

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    base_rate: float

    @property
    def average_precision(self) -> float:
        """Sum of precision times gained recall; `base_rate` for a detector that guesses."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Detection:
    """How one detector did on one set of users.

    Attributes:
        average_precision: at the base rate.
        auc: area under the ROC curve; no base rate enters.
        precision, recall: at the threshold chosen beforehand; precision is 0 where nobody is
            flagged.
        false_positive_rate: share of honest users flagged at it.
        threshold: that threshold.
        curve: all thresholds.
        fakes, honest: how many were judged.
        transductive: the detector was fitted on these very profiles, without labels.
    """

    average_precision: float
    auc: float
    precision: float
    recall: float
    false_positive_rate: float
    threshold: float
    curve: Curve
    fakes: int
    honest: int
    transductive: bool

    def as_dict(self) -> dict:
        """The figures, without the curve, as JSON values."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if name != "curve"}


def precision_recall(labels, scores, *, base_rate: float | None = BASE_RATE) -> Curve:
    """The curve over all thresholds; users with equal scores are flagged together.

    Args:
        labels: [users] bool or 0/1, True for a fake.
        scores: [users] float, high means suspicious; -inf is allowed, NaN is not.
        base_rate: in (0, 1); None takes the share of fakes among these users.

    Raises:
        ValueError: if shapes differ, a label is missing from one side, a score is NaN, or the
            base rate lies outside (0, 1).
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
    )


def average_precision(labels, scores, *, base_rate: float | None = BASE_RATE) -> float:
    """Average precision at a base rate; see `precision_recall`."""
    return precision_recall(labels, scores, base_rate=base_rate).average_precision


def threshold_for(scores, flagged: float = 0.01) -> float:
    """The score that a share `flagged` of presumed honest users exceeds or meets, at most.

    No label enters: where fakes hide among these users the threshold is only stricter.

    Args:
        scores: [users] of users presumed honest; -inf where a user was not judged.
        flagged: in [0, 1).

    Raises:
        ValueError: if nobody was judged or `flagged` lies outside [0, 1).
    """
    scores = np.asarray(scores, np.float64)
    scores = np.sort(scores[scores > -np.inf])[::-1]
    if not len(scores) or not 0 <= flagged < 1:
        raise ValueError(
            "`scores` should hold a judged user and `flagged` lie in [0, 1). "
            f"Received: {len(scores)} judged and {flagged!r}."
        )
    allowed = int(np.floor(flagged * len(scores)))
    return float(np.nextafter(scores[allowed], np.inf))


def detection(
    labels, scores, *, threshold: float, transductive: bool, base_rate: float = BASE_RATE
) -> Detection:
    """All figures for judged users; arguments as in `precision_recall`."""
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, np.float64)
    curve = precision_recall(labels, scores, base_rate=base_rate)
    flagged = scores >= threshold
    true_rate, false_rate = flagged[labels].mean(), flagged[~labels].mean()
    caught = curve.base_rate * true_rate
    called = caught + (1.0 - curve.base_rate) * false_rate
    return Detection(
        average_precision=curve.average_precision,
        auc=area_under_curve(labels, scores),
        precision=float(caught / called) if called else 0.0,
        recall=float(true_rate),
        false_positive_rate=float(false_rate),
        threshold=float(threshold),
        curve=curve,
        fakes=int(labels.sum()),
        honest=int((~labels).sum()),
        transductive=transductive,
    )


def judge(
    detector: Scorer,
    test: Labeled,
    *,
    trained_on: Interactions,
    honest: Interactions,
    base_rate: float = BASE_RATE,
    flagged: float = 0.01,
    threshold: float | None = None,
) -> Detection:
    """One detector on one attacked set of users.

    A detector that is not transductive has been fitted on `trained_on`; a transductive one is
    fitted here, on the test profiles and without their labels.

    Args:
        test: judged users, fake and honest; a user without a row is left out.
        trained_on: what the detector was fitted on; no user with a row there may be an honest
            user with a row in `test` (fake users are numbered anew by each injection).
        honest: users presumed honest, such as a trusted part of the history, for the
            threshold; none of them may be in `test` either.
        flagged: share of `honest` that the threshold may flag.
        threshold: where it is known already, from an earlier call with the same detector and
            `honest`; a transductive detector has a new one every time.

    Raises:
        ValueError: if users are shared.
    """
    _refuse_shared("trained_on", trained_on, test)
    _refuse_shared("honest", honest, test)
    if detector.transductive:
        detector.fit(test.interactions)
    scores = detector.score(test.interactions)
    judged = test.interactions.user_counts() > 0
    if detector.transductive:  # its scores mean something beside each other only
        threshold = threshold_for(scores[judged], flagged)
    elif threshold is None:
        threshold = threshold_for(detector.score(honest), flagged)
    return detection(
        test.is_fake[judged],
        scores[judged],
        threshold=threshold,
        transductive=detector.transductive,
        base_rate=base_rate,
    )


def _refuse_shared(name: str, known: Interactions, test: Labeled) -> None:
    judged = test.interactions
    mine = known.users.ids[known.user_counts() > 0]
    theirs = judged.users.ids[(judged.user_counts() > 0) & ~test.is_fake]
    shared = np.intersect1d(mine, theirs)
    if len(shared):
        raise ValueError(
            f"`{name}` should share no user with the profiles that are judged. "
            f"Received {len(shared)} shared, among them {shared[0]!r}."
        )
