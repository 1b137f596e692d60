"""What stands between an attacker and a next-item model: in the answer, and before learning.

The methods are those of `defence.sequential`, with the settings that commands and studies share.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.sequential.base import HistoryDetector
from advrec_tf.defence.sequential.pace import PaceSurprise
from advrec_tf.defence.sequential.perplexity import Perplexity
from advrec_tf.defence.sequential.purification import PurifiedHistories, RemoveSuspiciousHistories
from advrec_tf.defence.sequential.smoothing import DeletionSmoothing
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.pipelines.next_item_attack.pollution import Answering

NONE, SMOOTHING, PURIFICATION, REMOVAL = "none", "smoothing", "purification", "removal"

ANSWERING = (NONE, SMOOTHING, PURIFICATION)
"""Defences at the time of the answer; `REMOVAL` takes users out before learning."""

DEFENCES = (*ANSWERING, REMOVAL)

SAMPLES, RATE = 4, 0.2
"""Of the smoothing: histories asked about, and the chance of an item to be left out of one."""

WORST, FALSE_ALARMS = 0.2, 0.05
"""Of the detector: the part of a history that counts, and of honest users above the threshold."""

PURIFIED_ITEMS = 5
"""Left out of a history at most."""


def trusted_detector(train: Interactions, length: int) -> TransitionSurprise:
    """The detector of all defences, from data without the attack.

    It learns from one half of the users, drawn at random, and its threshold is set on the other:
    who was learned from surprises less than a new user, real or fake.
    """
    first, other = trusted_halves(train)
    detector = TransitionSurprise(worst=WORST, length=length, false_alarms=FALSE_ALARMS)
    detector.learn(first)
    return detector.calibrate(other)


def trusted_halves(train: Interactions) -> tuple[Interactions, Interactions]:
    """The users that the detector learns from, and those that its threshold is set on."""
    users = np.random.default_rng(0).permutation(np.flatnonzero(train.user_counts() > 0))
    first, other = (np.isin(train.user_index, half) for half in np.array_split(users, 2))
    return train.select(first), train.select(other)


def about_detector(
    detector: HistoryDetector, train: Interactions, histories: np.ndarray
) -> dict[str, float]:
    """What a `trusted_detector` was set to, on whom, and what came out on clean histories.

    Returns:
        `false_alarms` that were asked for; `learned_users` and `set_users`, how many;
        `set_flagged`, the share of the latter above the threshold; `honest_flagged`, that of
        `histories`.
    """
    first, other = trusted_halves(train)
    there = other.user_counts() > 0
    return {
        "false_alarms": detector.false_alarms,
        "learned_users": int((first.user_counts() > 0).sum()),
        "set_users": int(there.sum()),
        "set_flagged": float((detector.score(other)[there] > detector.threshold).mean()),
        "honest_flagged": float(detector.flagged(histories).mean()),
    }


def detectors_of(train: Interactions, network: SequenceModel) -> dict[str, HistoryDetector]:
    """Every detector by its name, that of the defences first; the others are there to be compared
    with it, and the perplexity has no threshold.

    Args:
        train: data without the attack.
        network: trained on them; the perplexity is its own.
    """
    length = network.length
    found: dict[str, HistoryDetector] = {"transition surprise": trusted_detector(train, length)}
    found["perplexity"] = Perplexity(network, worst=WORST, length=length)
    if train.timestamp is not None:
        try:
            found["pace"] = PaceSurprise(length=length).fit(train)
        except ValueError:  # no history is long enough to have a pace
            pass
    return found


def smoothed(scorer) -> DeletionSmoothing:
    """`scorer`, asked about histories with items left out."""
    return DeletionSmoothing(scorer, samples=SAMPLES, rate=RATE)


def behind(defence: str, network: SequenceModel, detector: HistoryDetector) -> Answering:
    """A network behind a defence of `ANSWERING`, as attackers who know the defence meet it.

    Raises:
        ValueError: if there is no such defence.
    """
    if defence == NONE:
        return Answering(scorer=network, network=network)
    if defence == SMOOTHING:
        return Answering(scorer=smoothed(network), network=network)
    if defence == PURIFICATION:
        purified = PurifiedHistories(network, detector, changes=PURIFIED_ITEMS)
        return Answering(scorer=purified, network=network, detector=detector)
    raise ValueError(f"`defence` should be one of {', '.join(ANSWERING)}. Received: {defence!r}.")


def without_suspicious(data: Interactions, detector: HistoryDetector) -> Interactions:
    """The data without the users whom the detector flags, a fifth of all at most."""
    return RemoveSuspiciousHistories(detector=detector).training_data(data, seed=0).interactions
