"""What writes table rows: one interface for the GAN, the variational model and the controls.

`TableGenerator.generate` gives a DataFrame with the columns, types and ranges of the table
that the transform was fitted on. A subclass draws encoded rows; here are conditions, copies
of training rows, and the way back to values. The simple controls are in `table_controls`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.tabular.transform import EncodedRows, TableTransform, positions_of

BLOCK = 8192
MOST_REFUSED = 0.05
"""Where more of what is drawn copies a training row, values are few, and refusing would leave what
is rare in the table as all there is to write."""
_ROUNDS = 20


class TableGenerator:
    """Mixin: rows for `transform`'s table on top of `draw`.

    Attributes:
        transform: fitted on the training rows.
        conditional: names of the columns that `generate` may be given.
        refused: hashes of rows never to be written again, or None to write whatever comes.
        copies_drawn: how many copies the last call had drawn at first.
        copies_left: how many of its rows are copies: none, as far as others were found, or all that
            were drawn, where they were more than `MOST_REFUSED`.
        private: whether it trains with a guarantee of privacy, for which a row may stand in a batch
            only once.
    """

    transform: TableTransform
    conditional: tuple[str, ...] = ()
    refused: np.ndarray | None = None
    copies_drawn: int = 0
    copies_left: int = 0
    private: bool = False

    def draw(
        self, count: int, seed: Sequence[int], given: EncodedRows | None, mask: np.ndarray
    ) -> EncodedRows:
        """`count` encoded rows.

        Args:
            seed: two ints; equal seeds, equal rows.
            given: [count] rows whose columns under `mask` are to be kept; None where nothing
                is given.
            mask: [columns] bool.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `draw`.")

    def order_seed(self, seed: int) -> int:
        """The seed of the order of the batches, where the training has `seed`."""
        return seed

    def refuse_copies_of(self, *frames: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """From now on `generate` writes no row that equals, in every learned column, one of the
        frames that no other row of them equals: what several people share betrays none of them. See
        `copies_left` for where it does all the same. Held are 8 bytes a row, twice as many while
        they are collected.

        Args:
            frames: rows, or those of a table that is read block by block.
        """
        parts = [[frame] if isinstance(frame, pd.DataFrame) else frame for frame in frames]
        hashes = np.concatenate(
            [row_hashes(frame, self.transform) for part in parts for frame in part]
        )
        hashes.sort()
        change = np.concatenate([[True], hashes[1:] != hashes[:-1], [True]])
        self.refused = hashes[change[1:] & change[:-1]]

    def generate(
        self,
        n: int,
        conditions: Mapping[str, object] | pd.DataFrame | None = None,
        *,
        seed: int = 0,
    ) -> pd.DataFrame:
        """n rows.

        Args:
            n: >= 1.
            conditions: values that rows are to have: {column: value, or n values}, or a
                frame of n rows. Other columns are written to go with them.
            seed: equal seeds give equal rows.

        Raises:
            ValueError: if `n` < 1, a column is not in `conditional`, or a value was not seen
                in the fitted table.
        """
        if n < 1:
            raise ValueError(f"`n` should be >= 1. Received: {n!r}.")
        asked, given, mask = self._given(n, conditions)
        rows = self._rows(np.arange(n), given, mask, (seed, 0), first=0)
        self.copies_drawn = self.copies_left = 0
        if self.refused is not None:
            rows = self._without_copies(rows, given, mask, seed)
        for name, values in asked.items():
            rows[name] = pd.Series(values, index=rows.index).astype(rows[name].dtype)
        return rows

    def _given(self, n, conditions):
        names = self.transform.layout.names
        mask = np.zeros(len(names), bool)
        conditions = {} if conditions is None else dict(conditions)
        unknown = [name for name in conditions if name not in self.conditional]
        if unknown:
            raise ValueError(
                f"`conditions` should be on {', '.join(self.conditional) or 'nothing'}: the "
                f"generator was fitted conditional on these. Received: {', '.join(unknown)}."
            )
        if not conditions:
            return {}, None, mask
        asked = {}
        for name, value in conditions.items():
            if np.ndim(value) == 0:
                value = [value] * n
            if len(value) != n:
                raise ValueError(
                    f"`conditions` should have {n} values for {name!r}. Received: {len(value)}."
                )
            asked[name] = np.asarray(value, dtype=object)
        mask[positions_of(self.transform.layout, list(asked))] = True
        choices = np.zeros((n, len(names)), np.int32)
        numbers = np.zeros((n, self.transform.layout.num_numbers), np.float32)
        for i in np.flatnonzero(mask):
            codec, place = self.transform.codecs[i], self.transform.layout.number_of[i]
            series = pd.Series(asked[names[i]])
            series = codec.column.conditions(series)
            choices[:, i], column = codec.encode(series, np.random.default_rng(0))
            if series.dtype.kind == "M":
                asked[names[i]] = series.to_numpy()
            if place >= 0:
                numbers[:, place] = column
        return asked, EncodedRows(choices, numbers), mask

    def _rows(self, which, given, mask, seed, *, first) -> pd.DataFrame:
        parts = []
        for start in range(0, len(which), BLOCK):
            chosen = which[start : start + BLOCK]
            part = None if given is None else given.take(chosen)
            parts.append(self.draw(len(chosen), (seed[0], seed[1] + start // BLOCK), part, mask))
        joined = EncodedRows(
            np.concatenate([p.choices for p in parts]), np.concatenate([p.numbers for p in parts])
        )
        return self.transform.decode(joined, first=first)

    def _without_copies(self, rows, given, mask, seed) -> pd.DataFrame:
        """Rows with copies drawn anew, up to `_ROUNDS` times."""
        for attempt in range(_ROUNDS + 1):
            copies = np.flatnonzero(np.isin(row_hashes(rows, self.transform), self.refused))
            if not attempt:
                self.copies_drawn = len(copies)
            if not len(copies) or attempt == _ROUNDS or len(copies) > MOST_REFUSED * len(rows):
                break
            anew = self._rows(copies, given, mask, (seed, (attempt + 1) << 20), first=0)
            for name in self.transform.layout.names:
                column = rows[name].array.copy()
                column[copies] = anew[name].array
                rows[name] = column
        self.copies_left = len(copies)
        return rows


def row_hashes(frame: pd.DataFrame, transform: TableTransform) -> np.ndarray:
    """[rows] uint64: equal rows, equal hashes, over the learned columns."""
    hashes = np.zeros(len(frame), np.uint64)
    for codec in transform.codecs:
        series = codec.column.comparable(frame[codec.column.name])
        one = pd.util.hash_pandas_object(series, index=False).to_numpy()
        hashes = (hashes * np.uint64(1_000_003)) ^ one
    return hashes
