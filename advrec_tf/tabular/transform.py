"""The invertible transform of a table into choices and numbers, which the generators learn.

`TableTransform` joins the codecs of `column_codecs`; `RowLayout` says where each column lies
in the dense row that networks read: first the numbers, then one one-hot block a column. The
encoded rows stay compact (an int and a float a column); networks widen them a batch at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.tabular import codecs as column_codecs
from advrec_tf.tabular.codecs import Codec
from advrec_tf.tabular.facts import ColumnFacts
from advrec_tf.tabular.schema import TableSchema

FIT_ROWS = 200_000
_BLOCK = 100_000


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedRows:
    """Rows of a table.

    Attributes:
        choices: [rows, columns] int32.
        numbers: [rows, continuous columns] float32 in [-1, 1].
    """

    choices: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.choices)

    def take(self, rows: np.ndarray) -> EncodedRows:
        """The given rows, by index or mask."""
        return EncodedRows(self.choices[rows], self.numbers[rows])


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowLayout:
    """Places in a dense row [width]: the numbers, then the one-hot blocks.

    Attributes:
        names: of the columns, in the order of the choices.
        widths: of the one-hot blocks.
        modes: how many leading choices of a block come with a number; 0 for a column
            without one.
    """

    names: tuple[str, ...]
    widths: tuple[int, ...]
    modes: tuple[int, ...]

    @property
    def num_numbers(self) -> int:
        return sum(count > 0 for count in self.modes)

    @property
    def width(self) -> int:
        return self.num_numbers + sum(self.widths)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where the block of each column starts."""
        ends = self.num_numbers + np.cumsum([0, *self.widths])
        return tuple(int(end) for end in ends[:-1])

    @property
    def number_of(self) -> tuple[int, ...]:
        """Place of each column's number; -1 for none."""
        places = np.cumsum([count > 0 for count in self.modes]) - 1
        return tuple(int(p) if count else -1 for p, count in zip(places, self.modes, strict=True))

    def columns_at(self) -> np.ndarray:
        """[width] int32, the column that each place of a dense row belongs to."""
        numbers = [c for c, place in enumerate(self.number_of) if place >= 0]
        return np.array([*numbers, *np.repeat(np.arange(len(self.widths)), self.widths)], np.int32)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TableTransform:
    """The codecs of a schema's learned columns."""

    schema: TableSchema
    codecs: tuple[Codec, ...]

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        schema: TableSchema,
        *,
        facts: Mapping[str, ColumnFacts] | None = None,
        max_modes: int = 10,
        seed: int = 0,
    ) -> TableTransform:
        """Fit every codec; modes are found on at most `FIT_ROWS` rows, drawn at random, the
        values of categories and the ranges of numbers on all.

        Args:
            frame: all rows, or a sample of them with the `facts` of all.
            schema: of the table.
            facts: name of a column -> what is known of all its values; by default `frame` is all.
            max_modes: of a column of numbers, >= 1.
            seed: of what is drawn.
        """
        rng = np.random.default_rng(seed)
        codecs = []
        for column in schema.learned:
            series = frame[column.name]
            known = (facts or {}).get(column.name)
            if len(series) > FIT_ROWS and column.continuous:
                if known is None:
                    raw = pd.Series(column.raw(series), name=column.name)
                    known = ColumnFacts.of(raw, asked=column.kind)
                drawn = rng.choice(len(series), FIT_ROWS, replace=False)
                series = series.iloc[np.sort(drawn)]
            codecs.append(
                column_codecs.codec_for(series, column, facts=known, max_modes=max_modes, rng=rng)
            )
        return cls(schema=schema, codecs=tuple(codecs))

    @property
    def layout(self) -> RowLayout:
        return RowLayout(
            names=tuple(codec.column.name for codec in self.codecs),
            widths=tuple(codec.width for codec in self.codecs),
            modes=tuple(codec.num_modes for codec in self.codecs),
        )

    def encode(self, frame: pd.DataFrame, *, seed: int = 0, block: int = 0) -> EncodedRows:
        """A frame with the learned columns -> choices and numbers, `_BLOCK` rows at a time.

        Args:
            frame: the rows.
            seed: of the modes that are drawn.
            block: the number of the frame, where it is one block of a table that is read block
                by block: each draws by a seed of its own.

        Raises:
            ValueError: if a value does not fit its column; the message names both.
        """
        parts = [
            self._encode(
                frame.iloc[start : start + _BLOCK],
                np.random.default_rng([seed, start // _BLOCK, block]),
            )
            for start in range(0, max(len(frame), 1), _BLOCK)
        ]
        return EncodedRows(
            np.concatenate([p.choices for p in parts]), np.concatenate([p.numbers for p in parts])
        )

    def _encode(self, frame: pd.DataFrame, rng: np.random.Generator) -> EncodedRows:
        choices = np.empty((len(frame), len(self.codecs)), np.int32)
        numbers = np.empty((len(frame), self.layout.num_numbers), np.float32)
        for i, place in enumerate(self.layout.number_of):
            codec = self.codecs[i]
            choices[:, i], column = codec.encode(frame[codec.column.name], rng)
            if place >= 0:
                numbers[:, place] = column
        return EncodedRows(choices, numbers)

    def decode(self, rows: EncodedRows, *, first: int = 0) -> pd.DataFrame:
        """Choices and numbers -> a frame with all columns of the schema, in its dtypes.

        Args:
            first: how many rows were generated before, so that identifiers go on.
        """
        places = dict(zip(self.layout.names, range(len(self.codecs)), strict=True))
        frame = {}
        for column in self.schema.columns:
            if column.name in places:
                i = places[column.name]
                place = self.layout.number_of[i]
                numbers = rows.numbers[:, place] if place >= 0 else None
                values = self.codecs[i].decode(rows.choices[:, i], numbers)
                frame[column.name] = column.typed(values)
            else:
                frame[column.name] = column.generated(first, len(rows))
        return pd.DataFrame(frame)

    def as_dict(self) -> dict:
        """JSON-able; `from_dict` gives the transform back."""
        return {
            "schema": self.schema.as_dict(),
            "codecs": [column_codecs.codec_as_dict(codec) for codec in self.codecs],
        }

    @classmethod
    def from_dict(cls, record: Mapping) -> TableTransform:
        schema = TableSchema.from_dict(record["schema"])
        pairs = zip(schema.learned, record["codecs"], strict=True)
        codecs = (column_codecs.codec_from_dict(column, codec) for column, codec in pairs)
        return cls(schema=schema, codecs=tuple(codecs))


def widen(rows: EncodedRows, layout: RowLayout) -> np.ndarray:
    """Dense rows [n, width] float32, in NumPy; networks do the same in their graph."""
    dense = np.zeros((len(rows), layout.width), np.float32)
    dense[:, : layout.num_numbers] = rows.numbers
    for i, start in enumerate(layout.starts):
        dense[np.arange(len(rows)), start + rows.choices[:, i]] = 1.0
    return dense


def positions_of(layout: RowLayout, names: Sequence[str]) -> np.ndarray:
    """Indices of the named columns.

    Raises:
        ValueError: if one is not in the layout.
    """
    unknown = [name for name in names if name not in layout.names]
    if unknown:
        raise ValueError(
            f"Conditions should be on learned columns: {', '.join(layout.names)}. "
            f"Received: {', '.join(unknown)}."
        )
    return np.array([layout.names.index(name) for name in names], np.int64)
