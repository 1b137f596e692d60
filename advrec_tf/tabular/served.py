"""A generator of table rows as a graph of its own: seeds in, columns with their values out.

The graph draws encoded rows as `NetworkGenerator.draw` does and turns them into values with
constant tables, so a served row equals the row that `generate` writes for the same seed.
Writing to disk and checking are in `table_export`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.tabular.codecs import ChoiceCodec, ModeCodec
from advrec_tf.tabular.network_generator import NetworkGenerator

MOST_ROWS = 100_000
MISSING_TEXT = ""


class ServedGenerator(tf.Module):
    """The variables of a generator and its signatures, without the Keras objects around.

    * `serving_default`: `num_rows` [] int32, `seed` [2] int32 -> a column a name.
    * `generate_given`, where the generator is conditional on categories or booleans: the
      same with a text [num_rows] a conditional column; "" leaves it to the generator.

    Columns come as: float32 (numbers with decimals or missing values, NaN where missing),
    int64 (whole numbers), bool, or string (categories; dates as 2024-05-01 or
    2024-05-01T13:00:00; booleans with missing values; missing is ""). Identifiers and constants
    hold nothing that was learned and are left to the caller.
    """

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

    def signatures(self) -> dict:
        """name -> concrete function."""
        rows = tf.TensorSpec([], tf.int32, "num_rows")
        seed = tf.TensorSpec([2], tf.int32, "seed")
        found = {
            "serving_default": tf.function(
                lambda num_rows, seed: self.rows(num_rows, seed, {})
            ).get_concrete_function(num_rows=rows, seed=seed)
        }
        if self.given:
            texts = {
                self.names[codec.column.name]: tf.TensorSpec(
                    [None], tf.string, self.names[codec.column.name]
                )
                for codec in self.given
            }
            found["generate_given"] = tf.function(
                lambda num_rows, seed, **texts: self.rows(num_rows, seed, texts)
            ).get_concrete_function(num_rows=rows, seed=seed, **texts)
        return found

    def rows(self, num_rows, seed, texts):
        tf.debugging.assert_positive(num_rows, "`num_rows` should be >= 1")
        tf.debugging.assert_less_equal(num_rows, MOST_ROWS, f"`num_rows`: at most {MOST_ROWS}")
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
        tf.debugging.assert_equal(
            tf.shape(text)[0],
            tf.shape(choices)[0],
            f"`{codec.column.name}` should have `num_rows` values",
        )
        known = tf.constant(_texts(codec)[: len(codec.values)])
        alike = text[:, None] == known[None, :]
        given = text != MISSING_TEXT
        tf.debugging.assert_equal(
            tf.reduce_any(alike, 1) | ~given,
            True,
            f"`{codec.column.name}` should hold values of the fitted table",
        )
        column = self.layout.names.index(codec.column.name)
        chosen = tf.where(given, tf.argmax(alike, 1, output_type=tf.int32), 0)
        at = tf.one_hot(column, len(self.codecs), dtype=tf.int32)
        place = int(np.flatnonzero(self._model_of().conditions.columns == column)[0])
        flag = tf.one_hot(place, flags.shape[1]) * tf.cast(given, tf.float32)[:, None]
        return choices + chosen[:, None] * at[None, :], flags + flag


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
    text = str(np.datetime64(int(seconds), "s"))
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
