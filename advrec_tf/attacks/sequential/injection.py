"""Injection of fake users with histories: the order of their items is the attack.

Profiles without an order, and what a poisoned data set is, are in `attacks.injection`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.attacks.injection import Poisoned, joined
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user
from advrec_tf.data.sequences import NONE
from advrec_tf.ops.rng import RNG


def inject_histories(
    clean: Interactions | Poisoned,
    histories: np.ndarray,
    *,
    targets: np.ndarray,
    attack: str,
    rng: RNG,
    times: np.ndarray | None = None,
) -> Poisoned:
    """`clean` with one new user for each history, in which an item may stand more than once.

    As `inject`, but the order is part of the attack. Where interactions have times, a fake user
    begins at that of a random real interaction and goes on in gaps drawn from those of real users
    (those of 0 left out: ties would leave the order open), moved back to end when the data end.
    Without times the order is that of the rows. Where interactions are rated, fake ones have the
    highest rating.

    Args:
        histories: [num_users, length] int, item indices, the latest at the right, `NONE` at the
            left of shorter ones.
        targets: [targets] int, the items the histories promote.
        attack: name of the attack, for reports.
        rng: of times and features.
        times: [num_users, length] float64, in place of drawn ones; where there is no item it
            says nothing.

    Raises:
        ValueError: if a history is empty or holds what is no item, times do not fit or are given
            for interactions without, or a target is not an item index.
    """
    rng = np.random.default_rng(rng)
    data = clean.interactions if isinstance(clean, Poisoned) else clean
    histories = np.asarray(histories)
    _check_histories(histories, times, data)
    users, places = np.nonzero(histories != NONE)
    if times is not None:
        times = np.asarray(times, np.float64)[users, places]
    elif data.timestamp is not None:
        times = _drawn_times(data, users, rng)
    return joined(
        clean,
        users,
        histories[users, places],
        rating=None if data.rating is None else np.full(len(users), np.nanmax(data.rating)),
        timestamp=times,
        targets=targets,
        attack=attack,
        rng=rng,
    )


def _drawn_times(data: Interactions, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[n] rising times of each of the users [n], which are sorted; see `inject_histories`."""
    order, _ = ordered_by_user(data)
    gaps = np.diff(data.timestamp[order])[np.diff(data.user_index[order]) == 0]
    gaps = gaps[gaps > 0]
    drawn = rng.choice(gaps, len(users)) if len(gaps) else np.ones(len(users))
    first = np.flatnonzero(np.diff(users, prepend=-1))
    lengths = np.diff(np.append(first, len(users)))
    drawn[first] = data.timestamp[rng.integers(len(data), size=len(first))]
    steps = np.cumsum(drawn)
    before = np.concatenate([[0.0], steps])[first]
    times = steps - np.repeat(before, lengths)
    over = np.maximum(times[first + lengths - 1] - data.timestamp.max(), 0.0)
    return times - np.repeat(over, lengths)


def _check_histories(histories, times, data: Interactions) -> None:
    if histories.ndim != 2 or not histories.size or histories.dtype.kind not in "iu":
        raise ValueError(
            "`histories` should be [num_users, length] item indices. "
            f"Received: {histories.shape} {histories.dtype}."
        )
    there = histories != NONE
    items = histories[there]
    if not there.any(axis=1).all() or not 0 <= items.min() <= items.max() < data.num_items:
        raise ValueError(
            f"`histories` should each hold an item, 0..{data.num_items - 1}, and {NONE} elsewhere. "
            f"Received: {histories.min()}..{histories.max()}, "
            f"{int((~there.any(axis=1)).sum())} histories without an item."
        )
    if times is None:
        return
    if data.timestamp is None or np.shape(times) != histories.shape:
        raise ValueError(
            f"`times` should be {list(histories.shape)}, for interactions with times. Received: "
            f"{list(np.shape(times))}, "
            f"for interactions {'without' if data.timestamp is None else 'with'} times."
        )
