"""Moments of a table: datetimes of any year as seconds since 1970, and back."""

from __future__ import annotations

import numpy as np
import pandas as pd


def date_seconds(series: pd.Series) -> np.ndarray:
    """Datetimes [n] of any year -> seconds since 1970 (UTC) [n] float64, NaN where missing."""
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if series.dtype.kind == "M":
        values = series.to_numpy().astype("datetime64[us]")
    else:
        values = np.array([_moment(value) for value in series], "datetime64[us]")
    seconds = values.astype("int64") / 1e6
    return np.where(np.isnat(values), np.nan, seconds)


def moments(seconds: np.ndarray, dtype: str = "datetime64[s]") -> pd.Series:
    """The inverse of `date_seconds`, rounded to the unit of the dtype."""
    scale = 1e6 if dtype == "datetime64[us]" else 1.0
    gaps = np.isnan(seconds)
    whole = np.where(gaps, 0, np.round(np.nan_to_num(seconds) * scale)).astype("int64")
    return pd.Series(whole.astype(dtype)).mask(gaps)


def _moment(value) -> np.datetime64:
    if pd.isna(value):
        return np.datetime64("NaT")
    moment = pd.Timestamp(value)
    if moment.tzinfo is not None:
        moment = moment.tz_convert("UTC").tz_localize(None)
    return moment.to_datetime64()
