"""What interactions hold, as they were read, that may mislead: units of time, zeros among ratings,
ties in time, one user with most of the data.

It only counts and says; nothing is repaired here. What a split leaks is in `audit`.
"""

from __future__ import annotations

import time

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.tied_times import TIED, ties
from advrec_tf.data.time_units import UNITS, units_of, without_unit

_DOMINANT = 0.2  # the fraction of all interactions from which one user is worth a sentence


def findings(
    interactions: Interactions, positions: np.ndarray | None = None, place: str = "row"
) -> list[str]:
    """Sentences about values that are possible and can hardly be true.

    Args:
        interactions: as they were read.
        positions: [n] int, the line or row of each; by default its position.
        place: what a position is, "line" or "row".
    """
    if not len(interactions):
        return []
    where = np.arange(len(interactions)) if positions is None else positions

    def first(mask: np.ndarray) -> str:
        return f"the first in {place} {where[mask.argmax()]}"

    found = []
    if interactions.timestamp is not None:
        found += _times(interactions.timestamp, first)
        found += _tied(interactions)
    if interactions.rating is not None:
        found += _ratings(interactions.rating)
    counts = interactions.user_counts()
    fraction = counts.max() / len(interactions)
    if fraction > _DOMINANT and (counts > 0).sum() >= 20:
        (user,) = interactions.users.ids[[counts.argmax()]].tolist()
        found.append(
            f"One user, {user!r}, has {fraction:.0%} of all interactions "
            f"({counts.max():,} of {len(interactions):,}): models may learn that user alone."
        )
    return found


def _times(times: np.ndarray, first) -> list[str]:
    bounds = list(UNITS.values())
    unit = units_of(times)  # -1: no time since 1973
    names = list(UNITS)
    sizes = np.bincount(unit[unit >= 0], minlength=len(UNITS))
    if (said := without_unit(times)) is not None:
        return [said]
    main = int(sizes.argmax())
    found = []
    for other in np.flatnonzero(sizes):
        if other != main:
            odd = unit == other
            found.append(
                f"{sizes[other]:,} of {len(times):,} times look like {names[other]} where most "
                f"look like {names[main]} ({first(odd)}): the column may mix units, and the order "
                "of interactions would be wrong."
            )
    if (early := unit < 0).any() and sizes[main] > len(times) / 2:
        found.append(
            f"{early.sum():,} of {len(times):,} times lie before 1973 where most look like "
            f"{names[main]} since 1970 ({first(early)}): they may stand for an unknown time."
        )
    now = time.time() * bounds[main] / bounds[0]
    if (late := (unit == main) & (times > now + bounds[main] / 1e3)).any():
        found.append(
            f"{late.sum():,} of {len(times):,} times, read as {names[main]} since 1970, lie in "
            f"the future ({first(late)})."
        )
    return found


def _tied(interactions: Interactions) -> list[str]:
    found = ties(interactions)
    if found is None or max(found.neighbors, found.last) < TIED:
        return []
    return [
        f'{found}. A split by time orders ties by a hash; the order of the file (ties="file") '
        'can give the answer away, and the split "last_day" needs no order within a day.'
    ]


def _ratings(ratings: np.ndarray) -> list[str]:
    values, counts = np.unique(ratings[~np.isnan(ratings)], return_counts=True)
    if len(values) == 1 and counts[0] > 1:
        return [f"All {counts[0]:,} ratings are {values[0]:g}: they say nothing of preference."]
    rated = values[values > 0]
    if values.min(initial=1) != 0 or len(rated) < 3 or rated[0] < 1:
        return []
    zeros = int(counts[0])
    gap = rated[0] > np.diff(rated).min() * 1.5
    if not gap and zeros <= counts[1:].max():
        return []
    return [
        f"{zeros / counts.sum():.0%} of the ratings are 0 and the others lie in "
        f"{rated[0]:g}..{rated[-1]:g}: 0 may mean that there is no rating (`unrated=0` says so)."
    ]
