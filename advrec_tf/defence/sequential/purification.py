"""A detector before learning, and detectors before answering."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.sequential.edits import Edits, open_places
from advrec_tf.data.sequences import NONE
from advrec_tf.defence.defences import Defence, DefendedData
from advrec_tf.defence.detectors.base import flagged_users
from advrec_tf.defence.sequential.base import HistoryDetector
from advrec_tf.models.sequential.history_scores import require_items_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoveSuspiciousHistories(Defence):
    """Train without the users whose histories a detector finds suspicious.

    Unlike `RemoveSuspicious` the detector is not fitted on what it judges, but before, on data
    that are trusted: fake users in numbers make their own transitions usual.

    Args:
        detector: fitted; its threshold decides.
        max_fraction: of the users that may be removed, those most suspicious, in [0, 1].
    """

    detector: HistoryDetector
    max_fraction: float = 0.2

    def training_data(self, interactions, *, seed):
        """The data without them; who was removed stays in the vocabulary."""
        scores = self.detector.score(interactions)
        above = np.nextafter(self.detector.threshold, np.inf)
        flagged = flagged_users(scores, threshold=above, max_fraction=self.max_fraction)
        kept = interactions.select(~flagged[interactions.user_index])
        return DefendedData(interactions=kept, suspicion=scores)


class PurifiedHistories:
    """A model that is asked without the items that make a history suspicious.

    While a history's suspicion lies above the detector's threshold, the item is left out without
    which it is least; histories below the threshold are answered as they are.

    Args:
        model: anything with `score_history(histories)`.
        detector: fitted.
        changes: items left out of a history at most, >= 1.

    Raises:
        ValueError: if `changes` is no whole number >= 1; when asked, if histories are of another
            shape, padded at the right or hold what is no item of the model, or the detector was not
            fitted or knows fewer items.
        TypeError: if `model` does not score histories, or `detector` is of another kind.
    """

    def __init__(self, model, detector: HistoryDetector, *, changes: int = 3):
        _check(model, detector, "suspicion", changes)
        self.model, self.detector, self.changes = model, detector, changes

    def purified(self, histories: np.ndarray) -> np.ndarray:
        """[n, places] int32 -> the same, suspicious items left out."""
        histories = _checked(histories, self.model)
        for _ in range(self.changes):
            row = np.flatnonzero(self.detector.flagged(histories))
            places = open_places(
                histories[row], np.zeros((len(row), histories.shape[1]), bool), "delete"
            )
            at, place = np.nonzero(places)
            if not len(at):
                break
            item = np.full(len(at), NONE, np.int32)
            edited = Edits(row=row[at], place=place, item=item, kind="delete").applied(histories)
            order = np.lexsort((self.detector.suspicion(edited), at))
            best = order[np.flatnonzero(np.diff(at[order], prepend=-1))]
            histories[row[at[best]]] = edited[best]
        return histories

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32, `NONE` at the left -> [batch, num_items] float32."""
        return self.model.score_history(tf.constant(self.purified(np.asarray(histories))))


class TrimmedHistories:
    """A model that is asked without the most surprising items of every history.

    Unlike `PurifiedHistories` there is no threshold that an attacker could stay below: so many
    items are left out of honest histories, too. An item's surprise is the mean of the detector's
    at its own place and at the next, both of which an exchanged item changes.

    Args:
        model: anything with `score_history(histories)`.
        detector: fitted, with a surprise for each place, such as `TransitionSurprise`.
        changes: items left out of each history, >= 1; one item is always left.

    Raises:
        ValueError: if `changes` is no whole number >= 1; when asked, if histories are of another
            shape, padded at the right or hold what is no item of the model, or the detector was not
            fitted or knows fewer items.
        TypeError: if `model` does not score histories, or `detector` is of another kind.
    """

    def __init__(self, model, detector: HistoryDetector, *, changes: int = 3):
        _check(model, detector, "surprises", changes)
        self.model, self.detector, self.changes = model, detector, changes

    def trimmed(self, histories: np.ndarray) -> np.ndarray:
        """[n, places] int32 -> the same, the most surprising items left out."""
        histories = _checked(histories, self.model)
        there = histories != NONE
        own = np.asarray(self.detector.surprises(histories, None), np.float64)
        around = np.stack([own, np.pad(own[:, 1:], [[0, 0], [0, 1]], constant_values=np.nan)])
        told = np.isfinite(around)
        surprise = np.where(told, around, 0.0).sum(0) / np.maximum(told.sum(0), 1)
        surprise = np.where(there, surprise, -np.inf)
        rank = np.argsort(np.argsort(-surprise, axis=1, kind="stable"), axis=1)
        most = np.minimum(self.changes, there.sum(1) - 1)
        kept = there & (rank >= most[:, None])
        order = np.argsort(kept, axis=1, kind="stable")
        return np.take_along_axis(np.where(kept, histories, NONE), order, 1)

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32, `NONE` at the left -> [batch, num_items] float32."""
        return self.model.score_history(tf.constant(self.trimmed(np.asarray(histories))))


def _check(model, detector, method: str, changes) -> None:
    """The arguments of both."""
    if not callable(getattr(model, "score_history", None)):
        raise TypeError(f"`model` should have `score_history(histories)`. Received: {model!r}.")
    if not callable(getattr(detector, method, None)):
        raise TypeError(
            f"`detector` should be a fitted `HistoryDetector`, with `{method}`. "
            f"Received: {detector!r}."
        )
    whole = isinstance(changes, (int, np.integer)) and not isinstance(changes, bool)
    if not whole or changes < 1:
        raise ValueError(f"`changes` should be a whole number >= 1. Received: {changes!r}.")


def _checked(histories, model) -> np.ndarray:
    """A copy [n, places] int32, checked: items of the model, `NONE` at the left."""
    found = np.array(histories)
    if found.ndim != 2 or found.dtype.kind not in "iu":
        raise ValueError(
            "`histories` should hold item indices in the shape [n, places]. "
            f"Received: {found.dtype} in the shape {found.shape}."
        )
    out = (found < NONE) | (found > np.iinfo(np.int32).max)
    wrong = out.any(axis=1) | ((found[:, :-1] != NONE) & (found[:, 1:] == NONE)).any(1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"`histories` should hold item indices >= 0, the latest at the right and {NONE} at the "
            f"left alone. Received: {found[row].tolist()} in row {row}."
        )
    require_items_of(model, found, "histories")
    return found.astype(np.int32)
