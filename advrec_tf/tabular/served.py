"""A generator of table rows as a served graph: a seed in, columns with their values out.

The graph draws encoded rows as `NetworkGenerator.draw` does and turns them into values with
constant tables, so a served row equals the row that `generate` gives for the same seed. Writing
and checking is left to `serving.saved_model`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf.data.readers.notations.dates import DateNotation
from advrec_tf.serving.module import Case, ExportCheckError, ServedModule, after
from advrec_tf.tabular.codecs import ChoiceCodec, ModeCodec
from advrec_tf.tabular.network_generator import NetworkGenerator

MAX_ROWS = 100_000
"""Rows that a request may ask for."""

MISSING_TEXT = ""

_CHECKED_ROWS = 1024
_MOST_DIFFERING = 0.01


class ServedGenerator(ServedModule):
    """The variables of a generator and its signatures, without the Keras objects around.

    * `serving_default`: `num_rows` [] int32, `seed` [2] int32 -> a column a name.
    * `generate_given`, where the generator is conditional on categories or booleans: the
      same with a text [num_rows] a conditional column; "" leaves it to the generator.

    Columns come as: float32 (numbers with decimals or missing values, NaN where missing),
    int64 (whole numbers), bool, or string (categories; dates as 2024-05-01 or
    2024-05-01T13:00:00; booleans with missing values; missing is ""). Identifiers and constants
    hold nothing that was learned and are left to the caller. A request asks for one table, so a
    server must not join requests.
    """

    batches = False

    def __init__(self, model: NetworkGenerator):
        super().__init__(name="served_generator")
        self._model_of = lambda: model  # behind a function, so that Keras is not saved
        self.variables_kept = list(model.served_weights())
        self.layout = model.layout
        self.codecs = model.transform.codecs
        self.names = names_of(model.layout.names)
        self.given = [
            codec
            for codec in self.codecs
            if codec.column.name in model.conditional
            and isinstance(codec, ChoiceCodec)
            and codec.column.kind in ("category", "boolean")
        ]

    def serving_default(self, num_rows, seed):
        return self.rows(num_rows, seed, {})

    def generate_given(self, num_rows, seed, **texts):
        return self.rows(num_rows, seed, texts)

    def inputs(self):
        plain = {"num_rows": tf.TensorSpec([], tf.int32), "seed": tf.TensorSpec([2], tf.int32)}
        found = {"serving_default": plain}
        if self.given:
            names = [self.names[codec.column.name] for codec in self.given]
            texts = {name: tf.TensorSpec([None], tf.string) for name in names}
            found["generate_given"] = {**plain, **texts}
        return found

    def notes(self):
        model = self._model_of()
        return {
            "kind": "table generator",
            "max_rows": MAX_ROWS,
            "conditional": [codec.column.name for codec in self.given],
            "columns": self.names,
            "transform": model.transform.as_dict(),
        }

    def cases(self):
        """The rows of one seed, and numbers of rows that are refused."""
        seed = [7, 0]
        model = self._model_of()
        mask = np.zeros(len(self.layout.names), bool)
        drawn = model.transform.decode(model.draw(_CHECKED_ROWS, seed, None, mask))
        wanted = Rows(
            {self.names[c.column.name]: (c.column, drawn[c.column.name]) for c in self.codecs}
        )

        def asked(title, num_rows, expected=None, **settings):
            inputs = {"num_rows": num_rows, "seed": seed}
            return Case(
                title=title,
                signature="serving_default",
                inputs=inputs,
                expected=expected,
                **settings,
            )

        return [
            asked("rows", _CHECKED_ROWS, wanted, repeat=3),
            asked("no rows", 0),
            asked("too many rows", MAX_ROWS + 1),
        ]

    def rows(self, num_rows, seed, texts):
        checks = [
            tf.debugging.Assert(
                (num_rows >= 1) & (num_rows <= MAX_ROWS),
                [f"`num_rows` should be in 1..{MAX_ROWS}. Received:", num_rows],
            )
        ]
        for name, text in texts.items():
            checks.append(
                tf.debugging.Assert(
                    tf.equal(tf.size(text), num_rows),
                    [f"`{name}` should have `num_rows` values. Received:", tf.size(text)],
                )
            )
        texts = after(checks, texts)
        num_rows = after(checks, {"num_rows": num_rows})["num_rows"]
        model = self._model_of()
        choices = tf.zeros([num_rows, len(self.codecs)], tf.int32)
        flags = tf.zeros([num_rows, len(model.conditions.columns)])
        for codec in self.given:
            if self.names[codec.column.name] not in texts:
                continue
            choices, flags = self._put(codec, texts[self.names[codec.column.name]], choices, flags)
        numbers = tf.zeros([num_rows, self.layout.num_numbers])
        drawn, positions = model.draw_codes(num_rows, seed, choices, numbers, flags)
        columns = {}
        for i, codec in enumerate(self.codecs):
            place = self.layout.number_of[i]
            number = positions[:, place] if place >= 0 else None
            columns[self.names[codec.column.name]] = _values(codec, drawn[:, i], number)
        return columns

    def _put(self, codec, text, choices, flags):
        """The given texts as choices, flagged where they are not empty."""
        known = tf.constant(_texts(codec)[: len(codec.values)])
        alike = text[:, None] == known[None, :]
        given = text != MISSING_TEXT
        fits = tf.debugging.Assert(
            tf.reduce_all(tf.reduce_any(alike, 1) | ~given),
            [f"`{codec.column.name}` should hold values of the fitted table."],
        )
        given = after([fits], {"given": given})["given"]
        column = self.layout.names.index(codec.column.name)
        chosen = tf.where(given, tf.argmax(alike, 1, output_type=tf.int32), 0)
        at = tf.one_hot(column, len(self.codecs), dtype=tf.int32)
        place = int(np.flatnonzero(self._model_of().conditions.columns == column)[0])
        flag = tf.one_hot(place, flags.shape[1]) * tf.cast(given, tf.float32)[:, None]
        return choices + chosen[:, None] * at[None, :], flags + flag


class Rows:
    """What the columns of a served table should be; an `Expected` of a case.

    Up to 1 % of the values of a column may differ: a choice between two nearly equal logits can
    fall either way on another runtime.

    Args:
        columns: output name -> (column of the schema, expected values).
    """

    def __init__(self, columns: Mapping[str, tuple]):
        self.columns = columns
        self.size = max((len(values) for _, values in columns.values()), default=0)

    def difference(self, where: str, outputs: Mapping, tolerance: float) -> float:
        for name, (column, expected) in self.columns.items():
            served = outputs[name]
            wrong = 1.0
            if len(served) == len(expected):
                wrong = _differing(served, expected, column, tolerance)
            if wrong > _MOST_DIFFERING:
                raise ExportCheckError(
                    f"{where}: {wrong:.1%} of column {column.name!r} differ from the model in "
                    f"memory ({len(served)} values for {len(expected)} rows)."
                )
        return 0.0


def _differing(served: list, expected: pd.Series, column, tolerance: float) -> float:
    """The share of values that differ."""
    if column.kind == "number":
        values = expected.to_numpy(np.float64, na_value=np.nan)
        served = np.array(served, float)
        close = np.isclose(served, values, rtol=tolerance / 10, atol=1e-5, equal_nan=True)
        return float(1 - close.mean())
    if column.kind == "date":
        iso = DateNotation(gap="" if column.day else "T")
        texts = iso.write(np.round(column.raw(expected)))
    elif column.kind == "boolean" and column.missing:
        texts = expected.map({False: column.spelling[0], True: column.spelling[1]})
        texts = texts.astype(object).fillna(MISSING_TEXT)
    else:
        texts = expected.astype(object).where(expected.notna(), MISSING_TEXT)
    return float(np.mean([a != b for a, b in zip(served, texts, strict=True)]))


def names_of(columns: Sequence[str]) -> dict[str, str]:
    """Column -> its tensor's name in a signature, of letters, digits and _.

    Columns that come to one name, or to that of an input, get a number: `a_b` and `a b` are `a_b`
    and `a_b_2`.
    """
    found: dict[str, str] = {}
    taken = {"num_rows", "seed"}
    for column in columns:
        name = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in column)
        name = plain = name if name[:1].isalpha() else f"c_{name}"
        number = 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        found[column] = name
    return found


def _texts(codec: ChoiceCodec) -> list[str]:
    if codec.column.kind == "category":
        texts = [str(v) for v in codec.values]
    elif codec.column.kind == "boolean":
        texts = list(codec.column.spelling)
    else:
        texts = [_date_text(v, codec.column.day) for v in codec.values]
    return [*texts, MISSING_TEXT][: codec.width]


def _date_text(seconds: float, day: bool) -> str:
    text = str(np.datetime64(round(seconds), "s"))
    return text[:10] if day else text


def _values(codec, choice: tf.Tensor, number: tf.Tensor | None) -> tf.Tensor:
    column = codec.column
    if isinstance(codec, ChoiceCodec):
        if column.kind in ("category", "date") or (column.kind == "boolean" and column.missing):
            return tf.gather(tf.constant(_texts(codec)), choice)
        if column.kind == "boolean":
            return choice == 1
        values = np.array([*codec.values, np.nan][: codec.width])
        if column.dtype == "int64":
            return tf.gather(tf.constant(values.astype(np.int64)), choice)
        return tf.gather(tf.constant(values, tf.float32), choice)
    values = _numbers(codec, choice, number)
    if column.kind == "date":
        return _dates(values, column.day)
    return tf.cast(values, tf.int64) if column.dtype == "int64" else tf.cast(values, tf.float32)


def _numbers(codec: ModeCodec, choice: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """`ModeCodec.decode` in the graph, in float64 as there."""
    mean, deviation = (tf.constant(t, tf.float64) for t in codec.tables())
    scaled = tf.gather(mean, choice) + 4.0 * tf.gather(deviation, choice) * tf.cast(
        number, tf.float64
    )
    first, last = codec.ends()
    scaled = tf.where(scaled < first, 2 * first - scaled, scaled)
    scaled = tf.where(scaled > last, 2 * last - scaled, scaled)
    values = tf.exp(scaled) - codec.offset if codec.logarithmic else scaled
    if codec.unit:
        values = tf.round((values - codec.low) / codec.unit) * codec.unit + codec.low
    values = tf.clip_by_value(values, codec.low, codec.high)
    if codec.column.decimals is not None:
        scale = 10.0**codec.column.decimals
        values = tf.round(values * scale) / scale
    fixed = np.zeros(codec.width)
    beyond = [*codec.masses, np.nan][: codec.width - codec.num_modes]
    fixed[codec.num_modes :] = beyond
    return tf.where(choice >= codec.num_modes, tf.gather(tf.constant(fixed), choice), values)


def _dates(seconds: tf.Tensor, day: bool) -> tf.Tensor:
    """Seconds since 1970, NaN where missing -> ISO texts; proleptic Gregorian calendar by
    integer arithmetic (Hinnant's civil_from_days)."""
    gap = tf.math.is_nan(seconds)
    whole = tf.cast(tf.where(gap, tf.zeros_like(seconds), tf.round(seconds)), tf.int64)
    days, rest = whole // 86_400, whole % 86_400
    z = days + 719_468
    era = z // 146_097
    of_era = z - era * 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    dom = of_year - (153 * shifted + 2) // 5 + 1
    month = tf.where(shifted < 10, shifted + 3, shifted - 9)
    year = year_of_era + era * 400 + tf.cast(month <= 2, tf.int64)
    text = tf.strings.join([_padded(year, 4), _padded(month, 2), _padded(dom, 2)], "-")
    if not day:
        clock = tf.strings.join(
            [_padded(rest // 3600, 2), _padded(rest // 60 % 60, 2), _padded(rest % 60, 2)], ":"
        )
        text = tf.strings.join([text, clock], "T")
    return tf.where(gap, MISSING_TEXT, text)


def _padded(value: tf.Tensor, width: int) -> tf.Tensor:
    return tf.strings.as_string(value, width=width, fill="0")
