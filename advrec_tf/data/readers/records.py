"""Records of a table in a text file: separator, header, quotes, and the line of each record.

`open_records` is the one way into every table file: of interactions, items, users, attributes
and behavior. What a field means is left to `columns`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import dataclasses
import difflib
import itertools
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from advrec_tf.data.readers import files
from advrec_tf.data.readers.files import DataError, MissingColumnError

MAX_COLUMNS = 16_384
"""Columns that a table may have; more of them are the mark of a file that is no table."""

SEPARATORS = ("\t", ",", ";", "|")
"""The separators that are recognized from the header, in this order."""


def separator_of(path: str | os.PathLike, first_line: str) -> str:
    """The separator of a table: the one that its first line holds.

    Where it holds a tab and a comma the name decides (.tsv and .tab mean a tab); a semicolon or
    a bar counts where there is neither. Without any of them: by the name.
    """
    name = Path(path).name.lower().removesuffix(".gz")
    by_name = "\t" if name.endswith((".tsv", ".tab")) else ","
    found = [separator for separator in SEPARATORS if separator in first_line]
    return by_name if not found or found[:2] == ["\t", ","] else found[0]


@contextlib.contextmanager
def open_records(
    path: str | os.PathLike,
    *,
    separator: str | None = None,
    column_names: Sequence[str] | None = None,
    encoding: str = "utf-8",
    max_text: int = files.MAX_TEXT,
    escape: str | None = None,
) -> Iterator[RecordReader]:
    """A reader of the records of a table file, plain or gzip, its header read.

    Args:
        path: the file.
        separator: one character, or several such as "::" (then without quotes); by default as
            `separator_of` finds it.
        column_names: the names of all columns, for a file without a header line.
        encoding: of the text; a byte order mark says it where this is UTF-8.
        max_text: characters that one field may have.
        escape: the character before a quote that is part of a quoted field, such as a backslash;
            by default such quotes are doubled.

    Raises (also later, while the body of the `with` reads):
        FileNotFoundError, ValueError: as `files.open_text`; also if `separator` or `max_text`
            makes no sense.
        DataError: as `files.open_text`; also if the file is empty, a column name stands twice, or
            a record cannot be split.
    """
    source = str(path)
    if separator is not None and (not separator or set(separator) & set('"\r\n')):
        raise ValueError(
            "`separator` should be one or more characters that are no quote or line end. "
            f"Received: {separator!r}."
        )
    if escape is not None and (len(escape) != 1 or escape in '"\r\n'):
        raise ValueError(
            f"`escape` should be one character, such as a backslash. Received: {escape!r}."
        )
    if max_text < 1:
        raise ValueError(f"`max_text` should be >= 1. Received: {max_text!r}.")
    with files.open_text(path, encoding=encoding) as text:
        lines = files.bounded_lines(source, text, max_text=max_text)
        first = next(lines, "")
        if not first or (column_names is None and not first.strip()):
            empty = "an empty file" if not first else "a file that starts with a blank line"
            raise DataError(f"{source}: expected a header and rows. Received {empty}.")
        if "\0" in first and text.encoding.startswith("utf-8"):
            raise DataError(
                f"{source}, line 1: expected text in {encoding}. Received NUL characters, as of a "
                "file in utf-16 without a byte order mark: name its `encoding`, utf-16-le or "
                "utf-16-be."
            )
        separator = separator or separator_of(path, first)
        reader = RecordReader(
            source,
            itertools.chain([first], lines),
            separator,
            max_text=max_text,
            escape=escape,
        )
        reader.read_header(column_names)
        reader.encoding = text.encoding
        reader.marked = text.encoding.startswith(("utf-16", "utf-32")) and (
            codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
        )
        yield reader


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Block:
    """Some records of a file, all with the same number of fields."""

    records: list[list[str]]
    lines: np.ndarray  # [records] int64, the line each record starts in; the first is line 1
    blank: int = 0  # blank lines passed over
    header_lines: Sequence[int] = ()  # lines left out that repeat the header

    def column(self, position: int) -> list[str]:
        """Field `position` of each record."""
        return [record[position] for record in self.records]


class _SplitLines:
    """Like `csv.reader`, for separators longer than one character; it knows no quotes."""

    def __init__(self, text: Iterable[str], separator: str, max_text: int):
        self.text, self.separator, self.line_num = iter(text), separator, 0
        self.max_text = max_text

    def __iter__(self):
        return self

    def __next__(self) -> list[str]:
        line = next(self.text)
        self.line_num += 1
        fields = line.rstrip("\r\n").split(self.separator)
        if len(line) > self.max_text and max(map(len, fields)) > self.max_text:
            raise csv.Error(f"field larger than field limit ({self.max_text})")
        return fields


class RecordReader:
    """Splits lines into records and keeps count of lines.

    A separator of one character reads CSV with its quoting rules (a quoted field may hold
    separators and line ends); a longer one, such as "::", splits plainly.

    Attributes:
        names: of the columns, once the header is read.
        encoding: that the text was decoded by.
        marked: whether the file's byte order mark said so, and not the caller.
    """

    def __init__(
        self,
        source: str,
        text: Iterable[str],
        separator: str,
        *,
        max_text: int = files.MAX_TEXT,
        escape: str | None = None,
    ):
        self.source, self.separator, self.max_text = source, separator, max_text
        self.escape, self.marked = escape, False
        self.names: list[str] = []
        self.encoding = "utf-8"
        self._header: list[str] | None = None
        if len(separator) == 1:
            self._reader = csv.reader(text, delimiter=separator, strict=True, escapechar=escape)
        else:
            self._reader = _SplitLines(text, separator, max_text)

    def read_header(self, column_names: Sequence[str] | None = None) -> list[str]:
        """The names of the columns: the fields of the first line without blanks around them.

        With `column_names` the file has no header, and these are the names.

        Raises:
            DataError: if a name stands twice, or there are more than `MAX_COLUMNS`.
        """
        if column_names is None:
            try:
                csv.field_size_limit(self.max_text)
                self._header = next(self._reader, [])
            except csv.Error as error:
                raise self._unsplittable(1, error, "a header") from error
            names = [name.strip() for name in self._header]
        else:
            names = list(column_names)
        if len(names) > MAX_COLUMNS:
            raise DataError(
                f"{self.source}, line 1: expected at most {MAX_COLUMNS:,} columns split at "
                f"{self.separator!r}. Received {len(names):,}."
            )
        require_distinct(self.source, names)
        self.names = names
        return names

    def find(self, wanted: Sequence[str | None]) -> list[int | None]:
        """The position of each wanted column, None for None.

        Raises:
            MissingColumnError: if there is no such column.
        """
        return find_columns(self.source, self.names, wanted, hint=f" (split at {self.separator!r})")

    def blocks(self, size: int) -> Iterator[Block]:
        """The other records, at most `size` at a time.

        Raises:
            DataError: at a record without exactly one field for each column, or with broken
                quotes.
        """
        while True:
            before, records = self._reader.line_num, []
            csv.field_size_limit(self.max_text)
            try:
                records.extend(itertools.islice(self._reader, size))
            except csv.Error as error:
                line = before + 1 + sum(map(_line_ends, records)) + len(records)
                raise self._unsplittable(line, error, "fields with closed quotes") from error
            if not records:
                return
            lines = np.arange(before + 1, before + 1 + len(records))
            if self._reader.line_num - before != len(records):  # line ends inside quotes
                ends = np.array([_line_ends(record) for record in records])
                lines += np.cumsum(ends) - ends
            yield self._checked(records, lines)

    def _unsplittable(self, line: int, error: csv.Error, expected: str) -> DataError:
        if "field limit" in str(error):
            return DataError(
                f"{self.source}, line {line}: expected fields of at most {self.max_text:,} "
                "characters, which is `max_text`. Received a longer one. If it is a text of the "
                "data, raise `max_text`; else a quote may not be closed."
            )
        return DataError(
            f"{self.source}, line {line}: expected {expected}. Received a record that cannot be "
            f"split: {error}. If a backslash stands before quotes inside fields, name it by "
            "`escape`."
        )

    def _checked(self, records: list[list[str]], lines: np.ndarray) -> Block:
        num_fields = len(self.names)
        fields = np.fromiter(map(len, records), np.int64, len(records))
        wrong = np.flatnonzero(fields != num_fields)
        blank = [row for row in wrong if not "".join(records[row]).strip() and fields[row] < 2]
        for row in wrong:
            if fields[row] > 1 or "".join(records[row]).strip():
                raise DataError(
                    f"{self.source}, line {lines[row]}: expected {num_fields} fields split "
                    f"at {self.separator!r}. Received {fields[row]}: "
                    f"{[field[:80] for field in records[row][: min(num_fields, 8) + 2]]!r}."
                )
        headers = []
        if self._header is not None and self._header in records:
            headers = [row for row, record in enumerate(records) if record == self._header]
        header_lines = lines[headers].tolist()
        if blank or headers:
            full = np.ones(len(records), bool)
            full[blank + headers] = False
            records = list(itertools.compress(records, full))
            lines = lines[full]
        return Block(records=records, lines=lines, blank=len(blank), header_lines=header_lines)


def read_lines(
    path: str | os.PathLike, split: Callable[[str], list[str]] = str.split
) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of each line of a file that is not blank, plain or gzip, in UTF-8.

    The text is in the Unicode form NFC, as ids are.

    Args:
        path: the file.
        split: of a line into fields; by default at white space.

    Raises:
        FileNotFoundError, DataError: as `files.open_text` and `files.bounded_lines`.
    """
    with files.open_text(path) as text:
        for number, line in enumerate(files.bounded_lines(str(path), text), start=1):
            if line.strip():
                yield number, split(unicodedata.normalize("NFC", line))


def require_distinct(source: str, names: Sequence[str]) -> None:
    """DataError unless each column name stands once."""
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if name in first:
            at = [str(i + 1) for i, other in enumerate(names) if other == name]
            raise DataError(
                f"{source}, header: expected each column name once. "
                f"Received {name!r} as columns {', '.join(at[:8])}."
            )
        first[name] = position


def find_columns(
    source: str, names: Sequence[str], wanted: Sequence[str | None], hint: str = ""
) -> list[int | None]:
    """The position of each wanted column, None for None.

    Raises:
        MissingColumnError: if a wanted column is not there.
    """
    positions = {name: position for position, name in enumerate(names)}
    for name in wanted:
        if name is not None and name not in positions:
            shown = ", ".join(repr(name[:80]) for name in map(str, list(names)[:40]))
            more = f" and {len(names) - 40:,} more" if len(names) > 40 else ""
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise MissingColumnError(
                f"{source}, header: expected a column {name!r}. "
                f"Received the columns {shown}{more}{hint}.{meant}"
            )
    return [None if name is None else positions[name] for name in wanted]


def _line_ends(record: list[str]) -> int:
    """Line ends inside the quoted fields of a record."""
    text = "".join(record)
    return text.count("\n") + text.count("\r") - text.count("\r\n")
