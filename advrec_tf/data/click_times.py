"""Times as people leave them: sessions in waking hours, with pauses between clicks.

The synthetic world draws a user's times evenly over the user's stay; clickstreams look
otherwise. `in_sessions` keeps every interaction and every user's order and moves the times, for
what depends on timing (fraud detection, session models).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG

DAY = 86_400.0


def in_sessions(
    interactions: Interactions,
    *,
    rng: RNG,
    mean_session: float = 5.0,
    gap_seconds: float = 40.0,
    gap_spread: float = 1.2,
    waking_hours: float = 15.0,
) -> Interactions:
    """The same interactions with times in sessions; a user's order stays.

    A user's interactions are cut into sessions of geometric length. A session starts on the day
    of its first interaction, at an hour drawn about the user's own favorite hour (normal,
    deviation 3 hours) within the user's waking hours; gaps within it are log-normal. Where
    sessions would cross, the later one waits.

    Args:
        interactions: with times in seconds.
        rng: of all the randomness.
        mean_session: mean number of interactions in a session, >= 1.
        gap_seconds, gap_spread: median and sigma of the log-normal gaps.
        waking_hours: in (0, 24].

    Raises:
        ValueError: if an argument is out of range or there are no times.
    """
    rng = np.random.default_rng(rng)
    if interactions.timestamp is None:
        raise ValueError("`interactions` should have times. Received none.")
    if mean_session < 1 or not gap_seconds > 0 or not 0 < waking_hours <= 24:
        raise ValueError(
            "`mean_session` should be >= 1, `gap_seconds` > 0 and `waking_hours` in (0, 24]. "
            f"Received: {mean_session!r}, {gap_seconds!r}, {waking_hours!r}."
        )
    order = np.lexsort((interactions.timestamp, interactions.user_index))
    user, time = interactions.user_index[order], interactions.timestamp[order]
    number = interactions.num_users
    wakes = rng.uniform(5.0, 10.0, number)
    favorite = rng.uniform(0.0, waking_hours, number)
    new_user = np.diff(user, prepend=-1) != 0
    starts = new_user | (rng.random(len(user)) < 1.0 / mean_session)
    gaps = np.exp(rng.normal(np.log(gap_seconds), gap_spread, len(user)))
    session = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    who = user[first]
    hour = np.clip(rng.normal(favorite[who], 3.0), 0.0, waking_hours) + wakes[who]
    begin = np.floor(time[first] / DAY) * DAY + hour * 3600.0
    inside = np.where(starts, 0.0, gaps)
    offset = np.cumsum(inside) - np.cumsum(inside)[first][session]
    lasts = np.append(offset[first[1:] - 1], offset[-1:]) if len(first) else offset[:0]
    for one in range(1, len(first)):  # a later session of the same user never starts earlier
        if who[one] == who[one - 1]:
            begin[one] = max(begin[one], begin[one - 1] + lasts[one - 1] + gaps[first[one]])
    moved = np.empty(len(user))
    moved[order] = begin[session] + offset
    return dataclasses.replace(interactions, timestamp=moved)
