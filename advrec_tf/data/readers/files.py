"""Text files of records, plain or gzip: opening them, and saying where one is broken.

Yields blocks of split lines with their line numbers. What a field means is left to
`columns`; which columns make interactions is left to `tables`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TextIO

import numpy as np


class DataError(ValueError):
    """A data source that cannot be read as asked; the message says where and why."""


class MissingColumnError(DataError):
    """A table that lacks a column: perhaps it is a table of another kind."""


def fault(source: str, place: str, column: str, expected: str, received: object) -> DataError:
    """The error for one bad value; `place` is "line 3" in a file, "row 2" in a frame."""
    return DataError(
        f"{source}, {place}, column {column!r}: expected {expected}. Received: {received!r}."
    )


def existing_file(path: str | os.PathLike) -> Path:
    """`path` as a Path; FileNotFoundError or DataError unless a file lies there."""
    path = Path(path)
    if path.is_dir():
        raise DataError(f"`path` should be a file. Received the directory {path}.")
    if not path.exists():
        raise FileNotFoundError(f"`path` should be an existing file. Received: {path}.")
    return path


@contextlib.contextmanager
def open_text(path: str | os.PathLike, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """A file as text with its line ends kept; gzip is known by its first two bytes.

    Raises (also later, while the body of the `with` reads):
        FileNotFoundError: if nothing lies at `path`.
        DataError: if it is a directory, is named .gz without being gzip, is a gzip file cut
            short or damaged, or holds bytes that `encoding` cannot decode.
        ValueError: if there is no such encoding.
    """
    path = existing_file(path)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(
            f"`encoding` should be one Python knows, such as 'utf-8'. Received: {encoding!r}."
        ) from None
    with path.open("rb") as raw:
        start = raw.peek(2)[:2]
        zipped = start == b"\x1f\x8b"
        if path.suffix == ".gz" and start and not zipped:
            raise DataError(
                f"{path} is named .gz and should be a gzip file, which starts with the bytes "
                f"1f 8b. Received a file that starts with {start.hex(' ')}."
            )
        binary: IO[bytes] = gzip.GzipFile(fileobj=raw) if zipped else raw
        # utf-8-sig also reads plain UTF-8, and drops the byte order mark some tools write.
        name = "utf-8-sig" if encoding.lower().replace("_", "-") == "utf-8" else encoding
        try:
            yield io.TextIOWrapper(binary, encoding=name, newline="")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path} should be a whole gzip file. Received one that is cut short or "
                f"damaged: {error}"
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(_undecodable(path, encoding, zipped, error)) from error


def _undecodable(path: Path, encoding: str, zipped: bool, error: UnicodeDecodeError) -> str:
    byte, place = error.object[error.start], ""
    with (gzip.open if zipped else open)(path, "rb") as binary:
        for line, content in enumerate(binary, start=1):
            try:
                content.decode(encoding)
            except UnicodeDecodeError as in_line:
                byte = content[in_line.start]
                place = f", line {line}, byte {in_line.start + 1} of the line"
                break
    return (
        f"{path}{place}: expected text in {encoding}. Received the byte 0x{byte:02x}. "
        "Name the file's own `encoding`, for example latin-1."
    )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Block:
    """Some records of a file, all with the same number of fields."""

    records: list[list[str]]
    lines: np.ndarray  # [records] int64, the line each record starts in; the first is line 1
    blank: int  # blank lines passed over

    def column(self, position: int) -> list[str]:
        """Field `position` of each record."""
        return [record[position] for record in self.records]


class _SplitLines:
    """Like `csv.reader`, for separators longer than one character; it knows no quotes."""

    def __init__(self, text: Iterable[str], separator: str):
        self.text, self.separator, self.line_num = iter(text), separator, 0

    def __iter__(self):
        return self

    def __next__(self) -> list[str]:
        line = next(self.text)
        self.line_num += 1
        return line.rstrip("\r\n").split(self.separator)


class RecordReader:
    """Splits lines into records and keeps count of lines.

    A separator of one character reads CSV with its quoting rules (a quoted field may hold
    separators and line ends); a longer one, such as "::", splits plainly.
    """

    def __init__(self, source: str, text: Iterable[str], separator: str):
        self.source, self.separator = source, separator
        if len(separator) == 1:
            self._reader = csv.reader(text, delimiter=separator, strict=True)
        else:
            self._reader = _SplitLines(text, separator)

    def header(self) -> list[str]:
        """The fields of the first line, without blanks around them."""
        try:
            return [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise DataError(f"{self.source}, line 1: expected a header. {error}.") from error

    def blocks(self, num_fields: int, rows: int) -> Iterator[Block]:
        """The other records, at most `rows` at a time.

        Raises:
            DataError: at a record without exactly `num_fields` fields, or with broken quotes.
        """
        while True:
            before, records = self._reader.line_num, []
            try:
                records.extend(itertools.islice(self._reader, rows))
            except csv.Error as error:
                line = before + 1 + sum(map(_line_ends, records)) + len(records)
                raise DataError(
                    f"{self.source}, line {line}: expected fields with closed quotes. "
                    f"Received a record that cannot be split: {error}."
                ) from error
            if not records:
                return
            lines = np.arange(before + 1, before + 1 + len(records))
            if self._reader.line_num - before != len(records):  # line ends inside quotes
                ends = np.array([_line_ends(record) for record in records])
                lines += np.cumsum(ends) - ends
            yield self._checked(records, lines, num_fields)

    def _checked(self, records: list[list[str]], lines: np.ndarray, num_fields: int) -> Block:
        fields = np.fromiter(map(len, records), np.int64, len(records))
        wrong = np.flatnonzero(fields != num_fields)
        blank = [row for row in wrong if not "".join(records[row]).strip() and fields[row] < 2]
        for row in wrong:
            if fields[row] > 1 or "".join(records[row]).strip():
                raise DataError(
                    f"{self.source}, line {lines[row]}: expected {num_fields} fields split "
                    f"at {self.separator!r}. Received {fields[row]}: "
                    f"{records[row][: num_fields + 2]!r}."
                )
        if blank:
            full = np.ones(len(records), bool)
            full[blank] = False
            records = list(itertools.compress(records, full))
            lines = lines[full]
        return Block(records=records, lines=lines, blank=len(blank))


def _line_ends(record: list[str]) -> int:
    """Line ends inside the quoted fields of a record."""
    text = "".join(record)
    return text.count("\n") + text.count("\r") - text.count("\r\n")
