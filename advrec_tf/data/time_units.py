"""Units of times since 1970, found by their size, and the length of a day in them."""

from __future__ import annotations

import numpy as np
import pandas as pd

UNITS = {"seconds": 1e8, "milliseconds": 1e11, "microseconds": 1e14, "nanoseconds": 1e17}
"""Unit -> the first time since 1970 that is taken for one in it: 3 March 1973 in each."""

_SECONDS_OF_A_DAY = 86_400.0


def units_of(times: np.ndarray) -> np.ndarray:
    """[n] int, the place in `UNITS` of each time's unit; -1 where it lies before 1973 in all."""
    return np.searchsorted(list(UNITS.values()), times, side="right") - 1


def unit_of(times: np.ndarray) -> str:
    """The unit of most times.

    Raises:
        ValueError: if most lie before 1973 in every unit, such as positions in a history.
    """
    units = units_of(np.asarray(times, np.float64))
    sizes = np.bincount(units + 1, minlength=len(UNITS) + 1)
    if not len(units) or sizes.argmax() == 0:
        raise ValueError(
            "`times` should be seconds, milliseconds, microseconds or nanoseconds since 1970, "
            "most of them later than 3 March 1973. "
            f"Received {len(units)} times, {sizes[0]} of which lie before that in every unit."
        )
    return list(UNITS)[sizes.argmax() - 1]


def mixes_units(times: np.ndarray) -> bool:
    """Whether times since 1973 look like more than one unit, of which `findings` warns."""
    units = units_of(np.asarray(times, np.float64)[~np.isnan(times)])
    return len(np.unique(units[units >= 0])) > 1


def without_unit(times: np.ndarray) -> str | None:
    """A sentence where all times lie before 1973 in every unit, such as positions; else None."""
    if not len(times) or (units_of(times) >= 0).any():
        return None
    return (
        f"All {len(times):,} times lie before 3 March 1973 in every unit ({times.min():g} to "
        f"{times.max():g}): they order the rows of a user as they stand, such as positions would. "
        "Where they are no such thing, name another `time_column`."
    )


def dates_as_seconds(times: np.ndarray) -> np.ndarray | None:
    """Dates that are written as numbers, such as 20240501, -> seconds since 1970 (UTC), NaN where
    one is; None unless all are whole numbers that are days of the years 1900 to 2099.

    As seconds since 1970 they would all lie in August 1970.
    """
    there = times[~np.isnan(times)]
    if not len(there) or not ((there >= 19_000_101) & (there <= 20_991_231)).all():
        return None
    distinct, place = np.unique(times, return_inverse=True)
    if (distinct[~np.isnan(distinct)] % 1).any():
        return None
    texts = ["" if value != value else str(int(value)) for value in distinct]
    days = pd.to_datetime(texts, format="%Y%m%d", errors="coerce", utc=True)
    if (days.isna() != np.isnan(distinct)).any():
        return None
    return (days - pd.Timestamp(0, tz="UTC")).total_seconds().to_numpy()[place]


def length_of_day(times: np.ndarray) -> float:
    """In the unit of the times.

    Raises:
        ValueError: as `unit_of`.
    """
    return _SECONDS_OF_A_DAY * UNITS[unit_of(times)] / UNITS["seconds"]


def time_of(date: str | float, times: np.ndarray) -> float:
    """A date such as "2014-04-07" or "2014-04-07T12:00" (UTC) in the unit of the times; a number
    as it is.

    Raises:
        ValueError: if the text is no date, or as `unit_of`.
    """
    if not isinstance(date, str):
        return float(date)
    try:
        moment = pd.Timestamp(date)
    except ValueError as error:
        raise ValueError(
            f"`date` should be a date such as '2014-04-07', or a number. Received: {date!r}."
        ) from error
    seconds = (moment.tz_localize("UTC") if moment.tzinfo is None else moment).timestamp()
    return seconds * UNITS[unit_of(times)] / UNITS["seconds"]
