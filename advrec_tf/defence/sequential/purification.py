"""A detector before learning, and one before answering."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.sequential.edits import Edits, open_places
from advrec_tf.data.sequences import NONE
from advrec_tf.defence.defences import Defence, DefendedData
from advrec_tf.defence.detectors.base import flagged_users
from advrec_tf.defence.sequential.base import HistoryDetector


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
        ValueError: if `changes` < 1.
    """

    def __init__(self, model, detector: HistoryDetector, *, changes: int = 3):
        if changes < 1:
            raise ValueError(f"`changes` should be >= 1. Received: {changes!r}.")
        self.model, self.detector, self.changes = model, detector, changes

    def purified(self, histories: np.ndarray) -> np.ndarray:
        """[n, places] int32 -> the same, suspicious items left out."""
        histories = np.array(histories, np.int32)
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
