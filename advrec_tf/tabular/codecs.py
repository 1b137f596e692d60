"""One column's values as a choice among few and, for numbers, a position beside it; and back.

Every learned column becomes a *choice* (an int below `width`), and a continuous one also a
*number* in [-1, 1]:

* `ChoiceCodec`: categories, booleans, and numbers with few distinct values: the value itself
  is chosen;
* `ModeCodec`: mode-specific normalization (Xu et al. 2019, CTGAN, section 4.2,
  arXiv:1907.00503): a mode k of a Gaussian mixture is chosen, and the number is
  (x - mean_k) / (4 deviation_k). Skewed columns are taken on a logarithmic scale first, whole
  numbers and days are spread over their unit, and single values that many rows share (a count
  of zero) are choices of their own.

A missing value is the last choice. Which codec serves which column is said by `codec_for`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from advrec_tf.ops.rng import RNG
from advrec_tf.tabular.columns import Column
from advrec_tf.tabular.facts import ColumnFacts
from advrec_tf.tabular.gaussian_modes import Modes, fit_modes

MASS_SHARE = 0.05
SKEWED = 1.0
_REACH = 4.0  # a number of 1 is this many deviations from the mean


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ChoiceCodec:
    """Values chosen from a list.

    Attributes:
        column: the column.
        values: distinct values, as texts (category), 0 and 1 (boolean) or numbers.
    """

    column: Column
    values: tuple

    continuous = False

    @property
    def width(self) -> int:
        return len(self.values) + self.column.missing

    @property
    def num_modes(self) -> int:
        return 0

    def encode(self, series: pd.Series, rng: np.random.Generator) -> tuple[np.ndarray, None]:
        """Values [n] -> choices [n] int32.

        Raises:
            ValueError: if a value is not in the list; the message names it.
        """
        raw = self.column.raw(series)
        codes = pd.Index(self.values).get_indexer(raw)
        gaps = pd.isna(raw)
        unknown = (codes < 0) & ~gaps
        if unknown.any() or (gaps.any() and not self.column.missing):
            value = None if not unknown.any() else raw[int(unknown.argmax())]
            raise ValueError(
                f"Column {self.column.name!r} should hold values of the fitted table: "
                f"{', '.join(map(str, self.values[:10]))}{', ...' * (len(self.values) > 10)}. "
                f"Received: {value!r}."
            )
        return np.where(gaps, len(self.values), codes).astype(np.int32), None

    def decode(self, choices: np.ndarray, numbers: None) -> np.ndarray:
        """Choices [n] -> values [n]: float64 with NaN, or objects with None."""
        if self.column.categorical:
            return np.array([*self.values, None], dtype=object)[choices]
        return np.array([*self.values, np.nan], np.float64)[choices]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ModeCodec:
    """Numbers or dates, by modes.

    Choices are, in order: the modes, the masses, missing.

    Attributes:
        column: the column; dates are seconds since 1970.
        modes: on the scale of `scaled`.
        masses: single values that many rows share.
        low, high: the range of the fitted values; nothing outside is generated.
        unit: smallest step between values; 0 where there is none.
        logarithmic: whether the scale is log(x - low + unit or 1).
    """

    column: Column
    modes: Modes
    masses: tuple[float, ...]
    low: float
    high: float
    unit: float
    logarithmic: bool

    continuous = True

    @property
    def width(self) -> int:
        return self.num_modes + len(self.masses) + self.column.missing

    @property
    def num_modes(self) -> int:
        return len(self.modes.mean)

    @property
    def offset(self) -> float:
        """Added before the logarithm is taken."""
        return (self.unit or 1.0) - self.low

    def encode(self, series: pd.Series, rng: RNG) -> tuple[np.ndarray, np.ndarray]:
        """Values [n] -> choices [n] int32 and numbers [n] float32 in [-1, 1].

        The mode is drawn by its probability given the value, and whole numbers are spread
        evenly over their unit, so two calls differ by the state of `rng`. Values outside the
        fitted range take its ends.

        Raises:
            ValueError: if a value is missing where the fitted column had none.
        """
        rng = np.random.default_rng(rng)
        raw = self.column.raw(series)
        gaps = np.isnan(raw)
        if gaps.any() and not self.column.missing:
            raise ValueError(
                f"Column {self.column.name!r} had no missing value when it was fitted. "
                f"Received {int(gaps.sum())}."
            )
        values = np.clip(np.where(gaps, self.low, raw), self.low, self.high)
        spread = values + self.unit * (rng.random(len(values)) - 0.5)
        scaled = _scaled(spread, self.logarithmic, self.offset)
        joint = self.modes.log_joint(scaled) + rng.gumbel(size=(len(values), self.num_modes))
        choices = joint.argmax(1).astype(np.int32)
        numbers = (scaled - self.modes.mean[choices]) / (_REACH * self.modes.deviation[choices])
        numbers = np.clip(numbers, -1.0, 1.0).astype(np.float32)
        for i, mass in enumerate(self.masses):
            choices[values == mass] = self.num_modes + i
        choices[gaps] = self.num_modes + len(self.masses)
        numbers[choices >= self.num_modes] = 0.0
        return choices, numbers

    def decode(self, choices: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Choices [n] and numbers [n] -> values [n] float64, NaN where missing.

        What lies outside the fitted range is folded back at its end, by as much as it lies
        outside; cut off it would pile up on the end itself.
        """
        mean, deviation = self.tables()
        scaled = mean[choices] + _REACH * deviation[choices] * numbers
        first, last = self.ends()
        scaled = np.where(scaled < first, 2 * first - scaled, scaled)
        scaled = np.where(scaled > last, 2 * last - scaled, scaled)
        with np.errstate(over="ignore"):
            values = np.exp(scaled) - self.offset if self.logarithmic else scaled
        if self.unit:
            values = np.round((values - self.low) / self.unit) * self.unit + self.low
        values = np.clip(values, self.low, self.high)
        if self.column.decimals is not None:
            values = np.round(values, self.column.decimals)
        fixed = np.array([*self.masses, np.nan])
        apart = choices >= self.num_modes
        values[apart] = fixed[choices[apart] - self.num_modes]
        return values

    def ends(self) -> tuple[float, float]:
        """The fitted range on the scale of the modes, with half a unit beyond each end."""
        ends = np.array([self.low - self.unit / 2, self.high + self.unit / 2])
        first, last = _scaled(ends, self.logarithmic, self.offset)
        return float(first), float(last)

    def tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation by choice, each [width] float64; zero beyond the modes."""
        beyond = np.zeros(self.width - self.num_modes)
        return (
            np.concatenate([self.modes.mean, beyond]),
            np.concatenate([self.modes.deviation, beyond]),
        )


Codec = ChoiceCodec | ModeCodec


def codec_for(
    series: pd.Series,
    column: Column,
    *,
    max_modes: int,
    rng: RNG,
    facts: ColumnFacts | None = None,
) -> Codec:
    """The codec fitted to a learned column.

    Args:
        series: its values, or a sample of them: the modes and the masses are found on these.
        column: what they are.
        max_modes: of a mixture, >= 1.
        rng: of the spread over units and the start of the mixture.
        facts: of all values, for the list of categories and the range of numbers; by default those
            of `series`.
    """
    rng = np.random.default_rng(rng)
    raw = column.raw(series)
    if facts is None:
        facts = ColumnFacts.of(pd.Series(raw, name=column.name), asked=column.kind)
    choices = column.choices(facts)
    if choices is not None:
        return ChoiceCodec(column=column, values=choices)
    low, high = facts.low, facts.high
    raw = raw[~np.isnan(raw)]
    if not len(raw):  # a sample that holds none of a rare value
        raw = np.array([low, high])
    distinct, counts = np.unique(raw, return_counts=True)
    unit = column.unit
    common = counts >= max(MASS_SHARE * len(raw), 10)
    masses = distinct[common]
    rest = raw[~np.isin(raw, masses)]
    if len(np.unique(rest)) < 2:  # what is left has no spread: take the masses as it is
        masses, rest = distinct[:0], raw
    offset = (unit or 1.0) - low
    spread = rest + unit * (rng.random(len(rest)) - 0.5)
    logarithmic = _skew(spread) > SKEWED and abs(_skew(np.log(spread + offset))) < _skew(spread)
    return ModeCodec(
        column=column,
        modes=fit_modes(_scaled(spread, logarithmic, offset), max_modes=max_modes, rng=rng),
        masses=tuple(masses.tolist()),
        low=low,
        high=high,
        unit=unit,
        logarithmic=logarithmic,
    )


def _scaled(values: np.ndarray, logarithmic: bool, offset: float) -> np.ndarray:
    return np.log(values + offset) if logarithmic else values


def _skew(values: np.ndarray) -> float:
    """Third standardized moment; 0 for a constant."""
    centered = values - values.mean()
    deviation = centered.std()
    return float((centered**3).mean() / deviation**3) if deviation else 0.0


def codec_as_dict(codec: Codec) -> dict:
    """JSON-able, without the column."""
    if isinstance(codec, ChoiceCodec):
        return {"values": list(codec.values)}
    modes = codec.modes
    return {
        "modes": [modes.weight.tolist(), modes.mean.tolist(), modes.deviation.tolist()],
        "masses": list(codec.masses),
        "low": codec.low,
        "high": codec.high,
        "unit": codec.unit,
        "logarithmic": codec.logarithmic,
    }


def codec_from_dict(column: Column, record: Mapping) -> Codec:
    """The inverse of `codec_as_dict`."""
    if "values" in record:
        return ChoiceCodec(column=column, values=tuple(record["values"]))
    return ModeCodec(
        column=column,
        modes=Modes(*(np.array(part) for part in record["modes"])),
        masses=tuple(record["masses"]),
        low=record["low"],
        high=record["high"],
        unit=record["unit"],
        logarithmic=record["logarithmic"],
    )
