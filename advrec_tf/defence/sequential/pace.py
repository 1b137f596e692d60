"""Surprise of times: bursts, and gaps as regular as a clock's.

More features of a user's times, for detectors that learn from labels, are in `defence.timing`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import last_windows
from advrec_tf.defence.sequential.base import HistoryDetector, steps_of
from advrec_tf.defence.timing import MIN_INTERACTIONS

_LEAST = 1e-3  # of what is usual: shorter gaps and smaller deviations are no more suspicious


class PaceSurprise(HistoryDetector):
    """Suspicion: how many times quicker, or steadier, than usual, as a logarithm.

        max(0, log(usual gap / median gap), log(usual variation / variation of the gaps))

    The variation is the standard deviation over the mean. What is usual is the median over the
    trusted users with `timing.MIN_INTERACTIONS` items; of shorter histories nothing is said.

    Args:
        length, false_alarms: see `HistoryDetector`.
    """

    def __init__(self, *, length: int = 50, false_alarms: float = 0.05):
        super().__init__(length=length, false_alarms=false_alarms)

    def fit(self, interactions, is_fake=None):
        """See `HistoryDetector.fit`.

        Raises:
            ValueError: if there are no times, or no user has enough items.
        """
        if interactions.timestamp is None:
            raise ValueError("`interactions` should have times. Received none.")
        return super().fit(interactions, is_fake)

    def learn(self, interactions):
        windows = last_windows(interactions, self.length)
        middle, variation = _pace(windows.items, windows.times)
        enough = np.isfinite(middle)
        if not enough.any():
            raise ValueError(
                f"`interactions` should have a user with {MIN_INTERACTIONS} items. Received none."
            )
        positive = middle[enough & (middle > 0)]
        self.usual_gap = float(np.median(positive)) if len(positive) else 1.0
        self.usual_variation = max(float(np.median(variation[enough])), _LEAST)

    def surprises(self, histories, times):
        """[n, 1] float64, of each history as a whole.

        Raises:
            ValueError: if nothing was learned yet, or there are no times.
        """
        self.require_fitted("usual_gap")
        if times is None:
            raise ValueError("`times` should be given to a detector of times. Received none.")
        middle, variation = _pace(histories, np.asarray(times, np.float64))
        quick = np.log(self.usual_gap / np.maximum(middle, _LEAST * self.usual_gap))
        usual = self.usual_variation
        steady = np.log(usual / np.maximum(variation, _LEAST * usual))
        return np.maximum(np.maximum(quick, steady), 0.0)[:, None]


def _pace(histories: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median gap and variation of the gaps of each history, [n] each; NaN where it is short."""
    steps = steps_of(histories)
    gaps = np.where(steps, np.diff(times, axis=1, prepend=times[:, :1]), np.nan)
    enough = (histories != NONE).sum(1) >= MIN_INTERACTIONS
    middle, variation = np.full(len(gaps), np.nan), np.full(len(gaps), np.nan)
    if enough.any():
        middle[enough] = np.nanmedian(gaps[enough], axis=1)
        mean = np.nanmean(gaps[enough], axis=1)
        spread = np.nanstd(gaps[enough], axis=1)
        variation[enough] = np.divide(spread, mean, out=np.zeros_like(mean), where=mean > 0)
    return middle, variation
