"""A fast way through CSV files that hold nothing unusual, by Arrow's parser.

It answers None wherever the careful reader of `records` might say something: quotes, carriage
returns that end no line, NUL characters, blank lines, bytes that are no UTF-8, a record with
another number of fields, a number that is none. So it gives either what the careful reader
would give, or nothing.
"""

from __future__ import annotations

import codecs
import dataclasses
import os
from collections.abc import Collection, Sequence

import numpy as np

from advrec_tf.data.readers import files

CHUNK = 1 << 20  # bytes read at a time


@dataclasses.dataclass(frozen=True, eq=False)
class TextCodes:
    """A column of text: the distinct `values`, and `rows` [n] int32 into them."""

    values: list[str]
    rows: np.ndarray


def read_columns(
    path: str | os.PathLike,
    *,
    separator: str,
    num_columns: int,
    has_header: bool,
    text_columns: Collection[int],
    number_columns: Collection[int],
    missing: Collection[str],
    max_text: int,
) -> dict[int, TextCodes | np.ndarray] | None:
    """Position -> column, or None where the file is not clean.

    Args:
        path: a file in UTF-8, plain or gzip, that `records.open_records` could open.
        separator: one character that is ASCII.
        num_columns: fields of each record.
        has_header: whether the first line is passed over.
        text_columns, number_columns: positions to read, as `TextCodes` or as float64 with NaN
            where a number is missing.
        missing: the marks of a missing number.
        max_text: characters that a text may have.
    """
    import pyarrow as pa  # only here: the import takes a quarter of a second
    from pyarrow import compute, csv

    names = [str(position) for position in range(num_columns)]
    types = {str(position): pa.dictionary(pa.int32(), pa.string()) for position in text_columns}
    types |= {str(position): pa.float64() for position in number_columns}
    with files.open_bytes(path) as binary:
        try:
            table = csv.read_csv(
                pa.PythonFile(_CleanBytes(binary, skip_line=has_header), mode="r"),
                read_options=csv.ReadOptions(column_names=names, block_size=CHUNK),
                parse_options=csv.ParseOptions(
                    delimiter=separator, quote_char=False, ignore_empty_lines=False
                ),
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=sorted({*missing, ""}),
                    strings_can_be_null=False,
                ),
            ).unify_dictionaries()
        except (pa.ArrowException, _NotClean, UnicodeDecodeError):
            return None
    found: dict[int, TextCodes | np.ndarray] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if int(name) in number_columns:
            found[int(name)] = column.to_numpy()
            continue
        chunks = column.chunks
        values = chunks[0].dictionary if chunks else pa.array([], pa.string())
        if len(values) and compute.max(compute.utf8_length(values)).as_py() > max_text:
            return None
        rows = [chunk.indices.to_numpy() for chunk in chunks]
        found[int(name)] = TextCodes(values.to_pylist(), np.concatenate(rows or [_NO_ROWS]))
    return found


_NO_ROWS = np.zeros(0, np.int32)


class _NotClean(Exception):
    """The file holds something that only the careful reader understands."""


class _CleanBytes:
    """A file of bytes that passes on what it reads as long as that is clean."""

    closed = False

    def __init__(self, binary, *, skip_line: bool):
        self._binary = binary
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._last = b""  # the last byte so far
        mark = codecs.BOM_UTF8
        if binary.peek(len(mark))[: len(mark)] == mark:
            binary.read(len(mark))
        if skip_line:
            self._check(binary.readline(files.LINE_TEXTS * files.MAX_TEXT))

    def read(self, size: int = -1) -> bytes:
        content = self._binary.read(CHUNK if size < 0 else size)
        self._check(content)
        return content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def _check(self, content: bytes) -> None:
        if b'"' in content or b"\0" in content:
            raise _NotClean
        joint = self._last + content[:2]
        if b"\n\n" in content or b"\n\n" in joint or b"\n\r" in content or b"\n\r" in joint:
            raise _NotClean  # a blank line
        if self._last == b"\r" or b"\r" in content:
            if self._last == b"\r" and content[:1] != b"\n":
                raise _NotClean
            if content.count(b"\r") - content.endswith(b"\r") != content.count(b"\r\n"):
                raise _NotClean
        self._last = content[-1:] or self._last
        if not content.isascii() or self._decoder.getstate()[0]:
            self._decoder.decode(content, final=not content)


def is_clean_separator(separator: str) -> bool:
    """Whether Arrow splits at it as the careful reader does."""
    return len(separator) == 1 and separator.isascii() and separator not in " "


def distinct_pairs(codes: np.ndarray, texts: TextCodes) -> tuple[np.ndarray, Sequence[str]]:
    """Codes [n] and their texts -> the distinct pairs, in order of first appearance."""
    keys = codes.astype(np.int64) * max(len(texts.values), 1) + texts.rows
    _, first = np.unique(keys, return_index=True)
    first.sort()
    return codes[first], [texts.values[row] for row in texts.rows[first].tolist()]
