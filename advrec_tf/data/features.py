"""The kinds of columns that describe users, items and interactions.

A `Column` knows its kind, and what the data taught about it. `raw` turns a column of a frame into
the values that a request carries; `encode` turns these into numbers by TensorFlow, the same for the
tables of a model, for batches and in a served graph. Which kind a column has is inferred in
`schema`; what a tower makes of the numbers is left to `models.feature_tower`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from advrec_tf.data.vocabulary import id_text

if TYPE_CHECKING:  # reading data needs no TensorFlow, so methods import it
    import tensorflow as tf

SEVERAL = "|"
"""Stands between the values of one cell, as in "Crime|Drama"."""

LONGEST = 64
"""Words of a text, or entries of a sequence, that are used at most."""

TEXT_BUCKETS = 8192
"""Words of a text fall into so many buckets by a hash."""

DAY, WEEK, YEAR = 86_400.0, 604_800.0, 31_557_600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """What every column has; `KINDS` lists the kinds.

    Attributes:
        name: as in the table, and in a request.
        kind: the name of the kind.
        dtype: of the raw values.
        raw_shape: of one raw value.
    """

    kind: ClassVar[str]
    dtype: ClassVar[str] = "string"
    raw_shape: ClassVar[tuple] = ()

    name: str

    @classmethod
    def fitted(cls, name: str, series: pd.Series) -> Column:
        """The column with what `series` teaches about it."""
        return cls(name=name)

    def raw(self, series: pd.Series) -> np.ndarray:
        """Values as a request carries them, [n] or [n, width]."""
        return _texts(series)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Raw values -> int32 codes or float32 numbers, [n] or [n, width]."""
        raise NotImplementedError(f"{type(self).__name__} does not define `encode`.")

    def encoded(self, series: pd.Series) -> np.ndarray:
        """`encode` of `raw`."""
        import tensorflow as tf

        raw = self.raw(series)
        return self.encode(tf.constant(raw, self.dtype, np.shape(raw))).numpy()

    @property
    def input_name(self) -> str:
        """The name of the column in a request: "wait (s)" is `wait__s_`."""
        name = re.sub(r"\W", "_", self.name, flags=re.ASCII)
        return name if name[:1].isalpha() else f"column_{name}"

    def spec(self) -> tf.TensorSpec:
        """Of the raw values of a batch."""
        import tensorflow as tf

        return tf.TensorSpec([None, *self.raw_shape], self.dtype, self.input_name)

    def as_dict(self) -> dict:
        """JSON values; `column_from_dict` gives the column back."""
        return {"kind": self.kind, **dataclasses.asdict(self)}

    def __getstate__(self) -> dict:
        # Without the table of `Categorized`, which no other process could use.
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Categorized(Column):
    """A column whose values are looked up among `categories`."""

    categories: tuple[str, ...]

    @functools.cached_property
    def table(self) -> tf.lookup.StaticHashTable:
        """Text -> its place among `categories`, and their number for any other."""
        import tensorflow as tf

        with tf.init_scope():
            keys = tf.constant(self.categories, tf.string, [len(self.categories)])
            initializer = tf.lookup.KeyValueTensorInitializer(
                keys, tf.range(len(self.categories), dtype=tf.int32)
            )
            return tf.lookup.StaticHashTable(initializer, len(self.categories))

    def unknown(self, values: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """Raw values and what `encode` makes of them -> [n] bool, where there is a value that is
        none of `categories`; a missing one is none."""
        raise NotImplementedError(f"{type(self).__name__} does not define `unknown`.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Category(Categorized):
    """One of a few values: the code is its place among `categories`, and their number where it is
    missing or none of them."""

    kind: ClassVar[str] = "category"

    @classmethod
    def fitted(cls, name, series):
        return cls(name=name, categories=tuple(sorted(set(_texts(series)) - {""})))

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.categories) + 1

    def encode(self, values):
        import tensorflow as tf

        if values.dtype != tf.string:
            values = tf.strings.as_string(values)
        return self.table.lookup(values)

    def unknown(self, values, codes):
        return (codes == len(self.categories)) & (values != "")


class Id(Category):
    """One of many entities, such as a brand or a seller; as `Category`, embedded at full width."""

    kind: ClassVar[str] = "id"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number(Column):
    """A number, NaN where it is missing; `mean` and `deviation` are of the known ones."""

    kind: ClassVar[str] = "number"
    dtype: ClassVar[str] = "float32"

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def fitted(cls, name, series):
        values = _numbers(series).astype(np.float32)
        known = values[np.isfinite(values)]
        spread = float(known.std()) if len(known) else 0.0
        return cls(
            name=name,
            mean=float(known.mean()) if len(known) else 0.0,
            deviation=spread if spread > 0 else 1.0,
        )

    def raw(self, series):
        return _numbers(series).astype(np.float32)

    def encode(self, values):
        import tensorflow as tf

        return tf.cast(values, tf.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Time(Column):
    """Seconds since 1970 (UTC), NaN where missing: sine and cosine of the hour of the day and of
    the day of the week, the age in years against `latest`, and whether it is missing."""

    kind: ClassVar[str] = "time"
    dtype: ClassVar[str] = "float64"
    WIDTH: ClassVar[int] = 6

    latest: float = 0.0

    @classmethod
    def fitted(cls, name, series):
        seconds = _seconds(series)
        known = seconds[np.isfinite(seconds)]
        return cls(name=name, latest=float(known.max()) if len(known) else 0.0)

    def raw(self, series):
        return _seconds(series)

    def encode(self, values):
        import tensorflow as tf

        values = tf.cast(values, tf.float64)
        known = tf.math.is_finite(values)
        seconds = tf.where(known, values, tf.zeros_like(values))
        # 1970 began on a Thursday; the week begins on a Monday.
        phases = [seconds / DAY, (seconds + 3 * DAY) / WEEK]
        parts = [wave(2 * math.pi * (p % 1.0)) for p in phases for wave in (tf.sin, tf.cos)]
        parts.append((self.latest - seconds) / YEAR)
        there = tf.cast(known, tf.float64)[:, None]
        parts = tf.concat([tf.stack(parts, 1) * there, 1.0 - there], 1)
        return tf.cast(parts, tf.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text(Column):
    """A title or description as a bag of words: [n, length] codes of its words by a hash, lower
    case and without signs; 0 where it has no more."""

    kind: ClassVar[str] = "text"

    length: int = LONGEST
    buckets: int = TEXT_BUCKETS

    @classmethod
    def fitted(cls, name, series):
        longest = max((len(text.split()) for text in _texts(series)), default=1)
        return cls(name=name, length=int(min(max(longest, 1), LONGEST)))

    @property
    def size(self) -> int:
        """How many codes there are."""
        return self.buckets + 1

    def encode(self, values):
        import tensorflow as tf

        plain = tf.strings.regex_replace(tf.strings.lower(values, "utf-8"), r"[^\p{L}\p{N}]+", " ")
        words = tf.strings.split(tf.strings.strip(plain))
        codes = tf.strings.to_hash_bucket_fast(words, self.buckets) + 1
        return tf.cast(codes, tf.int32).to_tensor(shape=[None, self.length])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sequence(Categorized):
    """Several categories, such as genres: [n, length] codes, 0 where there are no more; an entry
    that is none of `categories` has the last code."""

    kind: ClassVar[str] = "sequence"
    raw_shape: ClassVar[tuple] = (None,)
    length: int = LONGEST

    @classmethod
    def fitted(cls, name, series):
        entries = [_entries(value) for value in series]
        longest = max((len(own) for own in entries), default=1)
        return cls(
            name=name,
            categories=tuple(sorted({entry for own in entries for entry in own})),
            length=min(max(longest, 1), LONGEST),
        )

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.categories) + 2

    def raw(self, series):
        found = np.full((len(series), self.length), "", object)
        for row, value in enumerate(series):
            entries = _entries(value)[: self.length]
            found[row, : len(entries)] = entries
        return found

    def encode(self, values):
        import tensorflow as tf

        values = values[:, : self.length]
        codes = self.table.lookup(values) + 1
        codes = tf.where(values == "", 0, codes)
        codes = tf.pad(codes, [[0, 0], [0, self.length - tf.shape(codes)[1]]])
        return tf.ensure_shape(codes, [None, self.length])

    def unknown(self, values, codes):
        import tensorflow as tf

        return tf.reduce_any(codes == self.size - 1, axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vector(Column):
    """A vector of `width` numbers, such as an embedding of a picture; zeros where missing."""

    kind: ClassVar[str] = "vector"
    dtype: ClassVar[str] = "float32"

    width: int

    @classmethod
    def fitted(cls, name, series):
        widths = {len(value) for value in series if _is_list(value)}
        if len(widths) != 1:
            raise ValueError(
                f"The column {name!r} should hold vectors of one width. "
                f"Received widths: {sorted(widths) or 'none'}."
            )
        return cls(name=name, width=widths.pop())

    @property
    def raw_shape(self):
        return (self.width,)

    def raw(self, series):
        found = np.zeros((len(series), self.width), np.float32)
        for row, value in enumerate(series):
            if _is_list(value):
                found[row] = value
        return found

    def encode(self, values):
        import tensorflow as tf

        values = tf.cast(values, tf.float32)
        return tf.where(tf.math.is_finite(values), values, tf.zeros_like(values))


KINDS = {kind.kind: kind for kind in (Category, Id, Number, Time, Text, Sequence, Vector)}


def column_from_dict(record: Mapping) -> Column:
    """What `Column.as_dict` made a record of."""
    settings = {name: value for name, value in record.items() if name != "kind"}
    if "categories" in settings:
        settings["categories"] = tuple(settings["categories"])
    return KINDS[record["kind"]](**settings)


def _is_list(value) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _text(value) -> str:
    """As `str`, a whole float as its integer; "" where it is missing. Texts are spelled as ids are:
    without blanks around them, in the Unicode form NFC."""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return id_text(value)


def _texts(series: pd.Series) -> np.ndarray:
    codes, distinct = pd.factorize(series)  # code -1 where missing
    texts = np.array([*(_text(value) for value in distinct), ""], object)
    return texts[codes]


def _entries(value) -> list[str]:
    if _is_list(value):
        parts = [_text(part) for part in value]
    else:
        parts = [part.strip() for part in _text(value).split(SEVERAL)]
    return [part for part in parts if part]


def _numbers(series: pd.Series) -> np.ndarray:
    try:
        return pd.to_numeric(series).to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise ValueError(f"The column {series.name!r} should hold numbers: {error}.") from None


def _seconds(series: pd.Series) -> np.ndarray:
    """Datetimes, ISO dates or numbers as seconds since 1970, NaN where missing."""
    if pd.api.types.is_numeric_dtype(series):
        return series.to_numpy(np.float64, na_value=np.nan)
    # Without a form pandas takes that of the first value for all.
    form = None if pd.api.types.is_datetime64_any_dtype(series) else "ISO8601"
    try:
        moments = pd.to_datetime(series, utc=True, format=form)
    except (ValueError, TypeError) as error:
        raise ValueError(f"The column {series.name!r} should hold times: {error}.") from None
    return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)
