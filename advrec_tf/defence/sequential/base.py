"""The base of detectors of histories: a suspicion each, and a threshold fitted on honest users.

They answer for histories that a model is asked about (`suspicion`), and, as detectors of users, for
interactions (`score`). Which users are taken out is left to `purification`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import last_windows
from advrec_tf.defence.detectors.base import Detector


class HistoryDetector(Detector):
    """Suspects histories; a subclass implements `learn` and `surprises`.

    A history's suspicion is the mean of the largest surprises among its places.

    Args:
        length: of a user's history, the last items are read.
        worst: fraction of the places with a surprise that count, the most surprising ones, at
            least one, in (0, 1]; 1 is the mean over all, a small one finds few exchanged items.
        false_alarms: fraction of honest users above the threshold, in (0, 1).

    Attributes:
        threshold: of suspicion; set by `fit` and `calibrate`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, *, length: int = 50, worst: float = 1.0, false_alarms: float = 0.05):
        if length < 1 or not 0 < worst <= 1 or not 0 < false_alarms < 1:
            raise ValueError(
                "`length` should be >= 1, `worst` in (0, 1] and `false_alarms` in (0, 1). "
                f"Received: {length!r}, {worst!r} and {false_alarms!r}."
            )
        self.length, self.worst, self.false_alarms = length, worst, false_alarms
        self.threshold = np.inf

    def learn(self, interactions: Interactions) -> None:
        """Learn what is usual."""

    def surprises(self, histories: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """[n, places] float64, how unusual each place is, NaN where nothing can be said."""
        raise NotImplementedError(f"{type(self).__name__} does not define `surprises`.")

    def require_fitted(self, learned: str) -> None:
        """Refuse to judge before `fit`; `learned` names an attribute that `learn` sets.

        Raises:
            ValueError: if it is not there.
        """
        if not hasattr(self, learned):
            raise ValueError(
                "`fit` should be called before histories are judged. Received: a "
                f"{type(self).__name__} that was not fitted."
            )

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> HistoryDetector:
        """Learn from users that are trusted, and set the threshold on the same.

        Users that were learned from surprise a little less than new ones: `calibrate` on others
        where there are any. Labels are not used.
        """
        self.learn(interactions)
        return self.calibrate(interactions)

    def calibrate(self, interactions: Interactions) -> HistoryDetector:
        """Set the threshold: at most the fraction `false_alarms` of these users lies above it.

        Raises:
            ValueError: if no user has interactions.
        """
        scores = self.score(interactions)
        scores = scores[np.isfinite(scores)]
        if not len(scores):
            raise ValueError("`interactions` should have a user with interactions. Received none.")
        self.threshold = float(np.quantile(scores, 1 - self.false_alarms, method="inverted_cdf"))
        return self

    def suspicion(self, histories: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
        """[n, places] int, `NONE` at the left -> [n] float64, high for suspicious; 0 for a history
        about which nothing can be said.

        Args:
            times: [n, places] float64, where the detector reads them.

        Raises:
            ValueError: if the histories are no whole numbers in two dimensions, or times are not
                one a place, in order.
        """
        histories = require_histories(histories)
        if times is not None:
            times = require_times(times, histories)
        surprises = np.asarray(self.surprises(histories, times), np.float64)
        return mean_of_largest(surprises, self.worst)

    def flagged(self, histories: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
        """[n] bool: suspicion above the threshold."""
        return self.suspicion(histories, times) > self.threshold

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        """[num_users] float64, of the last items of each."""
        windows = last_windows(interactions, self.length)
        return self.suspicion(windows.items, windows.times)


def require_histories(histories: np.ndarray) -> np.ndarray:
    """[n, places] int, as they are.

    Raises:
        ValueError: if they have another shape or kind, or hold a number below `NONE`.
    """
    histories = np.asarray(histories)
    if histories.ndim != 2 or histories.dtype.kind not in "iu":
        raise ValueError(
            "`histories` should be [n, places] item indices. "
            f"Received: an array of {histories.dtype} with the shape {histories.shape}."
        )
    if histories.size and histories.min() < NONE:
        raise ValueError(
            f"`histories` should hold item indices >= 0, and {NONE} for no item. "
            f"Received: {histories.min()}."
        )
    return histories


def require_times(times: np.ndarray, histories: np.ndarray) -> np.ndarray:
    """[n, places] float64, the times of the places; of places without an item nothing is asked.

    Raises:
        ValueError: if the shape is not that of `histories`, or the time of an item is no finite
            number, or earlier than that of the item before.
    """
    times = np.asarray(times, np.float64)
    if times.shape != histories.shape:
        raise ValueError(
            f"`times` should have the shape of `histories`, {histories.shape}. "
            f"Received: {times.shape}."
        )
    there = histories != NONE
    if not np.isfinite(times[there]).all():
        row, place = np.argwhere(there & ~np.isfinite(times))[0]
        raise ValueError(
            "`times` should be finite where there is an item. "
            f"Received: {times[row, place]} in history {row}, place {place}."
        )
    back = steps_of(histories) & (np.diff(times, axis=1, prepend=times[:, :1]) < 0)
    if back.any():
        row, place = np.argwhere(back)[0]
        raise ValueError(
            "`times` should not fall within a history. "
            f"Received: {times[row, place - 1]:g}, then {times[row, place]:g} in history {row}."
        )
    return times


def mean_of_largest(values: np.ndarray, fraction: float) -> np.ndarray:
    """[n, places] with NaN -> [n]: the mean of the largest fraction, at least one, of the values
    of each row; 0 for a row without any."""
    count = np.isfinite(values).sum(1)
    kept = np.maximum(np.ceil(fraction * count - 1e-9), 1).astype(int)
    ordered = -np.sort(-np.where(np.isfinite(values), values, -np.inf), axis=1)
    chosen = (np.arange(values.shape[1])[None, :] < kept[:, None]) & np.isfinite(ordered)
    total = np.where(chosen, np.where(np.isfinite(ordered), ordered, 0.0), 0.0).sum(1)
    return total / np.maximum(chosen.sum(1), 1)


def steps_of(histories: np.ndarray) -> np.ndarray:
    """[n, places] bool: places with an item and one before it."""
    there = histories != NONE
    before = np.pad(there, [[0, 0], [1, 0]])[:, :-1]
    return there & before
