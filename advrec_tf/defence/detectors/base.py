"""The interface of detectors of fake profiles, and what all of them share.

A detector is fitted on interactions, with or without labels, and gives every user of any
interactions over the same items a score: high for suspicious, -inf for a user without
interactions. Each detector has a module of its own, and all are listed in `defence.registry`.
Thresholds and measures are left to `evaluation.detection`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions


class Detector:
    """Scores users; a subclass implements `fit` and `scores_of`.

    Attributes:
        transductive: its scores hold only for the interactions it was fitted on, and it is
            fitted there without the labels of the users it scores.
        needs_labels: `fit` requires `is_fake`.
    """

    transductive = False
    needs_labels = False

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        """Learn from profiles.

        Args:
            is_fake: [num_users] bool, the labels where they are known.

        Raises:
            ValueError: if labels are needed and missing, or do not fit the users.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `fit`.")

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        """[num_users] float64; any value for a user without interactions."""
        raise NotImplementedError(f"{type(self).__name__} does not define `scores_of`.")

    def score(self, interactions: Interactions) -> np.ndarray:
        """[num_users] float64, high for suspicious; -inf for a user without interactions."""
        scores = np.asarray(self.scores_of(interactions), np.float64)
        return np.where(interactions.user_counts() > 0, scores, -np.inf)


class TransductiveDetector(Detector):
    """A detector that ranks the users it is fitted on; a subclass implements `fitted_scores`."""

    transductive = True

    def fitted_scores(self, interactions: Interactions, is_fake: np.ndarray | None) -> np.ndarray:
        """[num_users] float64, the scores of the users of `interactions`."""
        raise NotImplementedError(f"{type(self).__name__} does not define `fitted_scores`.")

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        self._scores = self.fitted_scores(interactions, is_fake)
        self._fingerprint = interactions.fingerprint()
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        """The scores of `fit`.

        Raises:
            ValueError: for other interactions than those of `fit`.
        """
        if interactions.fingerprint() != self._fingerprint:
            raise ValueError(
                "`interactions` should be those that a transductive detector was fitted on. "
                f"Received others: {interactions!r}."
            )
        return self._scores


def checked_labels(
    interactions: Interactions, is_fake: np.ndarray | None, *, needed: bool
) -> np.ndarray:
    """[num_users] bool; all False where there are no labels and none are needed.

    Raises:
        ValueError: if they are missing, of another shape, or (where needed) of one class only.
    """
    if is_fake is None:
        if needed:
            raise ValueError("`is_fake` should say who is fake: this detector learns from labels.")
        return np.zeros(interactions.num_users, bool)
    is_fake = np.asarray(is_fake)
    if is_fake.shape != (interactions.num_users,):
        raise ValueError(
            f"`is_fake` should be [{interactions.num_users}]. Received: {is_fake.shape}."
        )
    present = is_fake.astype(bool)[interactions.user_counts() > 0]
    if needed and not 0 < present.sum() < len(present):
        raise ValueError(
            "`is_fake` should mark both fake and honest users with interactions. Received "
            f"{present.sum()} fakes of {len(present)}."
        )
    return is_fake.astype(bool)


def flagged_users(scores: np.ndarray, *, threshold: float, max_fraction: float) -> np.ndarray:
    """[num_users] bool: users with a score of `threshold` or above.

    At most the fraction `max_fraction` of the scored users is flagged (rounded down), those with
    the highest scores. No label is used.
    """
    scored = scores > -np.inf
    flagged = scored & (scores >= threshold)
    allowed = int(np.floor(max_fraction * scored.sum()))
    if flagged.sum() > allowed:
        order = np.argsort(-np.where(scored, scores, -np.inf), kind="stable")
        flagged = np.zeros(len(scores), bool)
        flagged[order[:allowed]] = True
    return flagged
