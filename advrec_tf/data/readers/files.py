"""Text files, plain or gzip: opening them, and saying where one cannot be read.

Encodings, byte order marks and damaged files are dealt with here, and a line has a bounded
length. Splitting lines into fields is left to `records`, what a field means to `columns`.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import itertools
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO

MAX_TEXT = 131_072
"""Characters that one field may have by default; the argument `max_text` of the readers."""

LINE_TEXTS = 32
"""A line may have as many characters as this many fields of the largest size."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class DataError(ValueError):
    """A data source that cannot be read as asked; the message says where and why."""


class MissingColumnError(DataError):
    """A table that lacks a column: perhaps it is a table of another kind."""


def fault(source: str, place: str, column: str, expected: str, received: object) -> DataError:
    """The error for one bad value; `place` is "line 3" in a file, "row 2" in a frame."""
    shown = repr(received)
    if len(shown) > 200:
        shown = f"{shown[:200]}... ({len(shown):,} characters)"
    return DataError(
        f"{source}, {place}, column {column!r}: expected {expected}. Received: {shown}."
    )


def existing_file(path: str | os.PathLike) -> Path:
    """`path` as a Path.

    Raises:
        FileNotFoundError: if nothing lies at `path`.
        DataError: if a folder does, or what is no regular file, such as a named pipe.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"`path` should be a file. Received the directory {path}.")
    if not path.exists():
        raise FileNotFoundError(f"`path` should be an existing file. Received: {path}.")
    if not path.is_file():
        raise DataError(
            f"`path` should be a regular file, which can be read from its start twice. "
            f"Received: {path}, a pipe or a device."
        )
    return path


def text_encoding(path: str | os.PathLike, encoding: str, start: bytes) -> str:
    """The name to decode a file by: `encoding`, or what the byte order mark in `start` says.

    A mark of UTF-16 or UTF-32 wins over "utf-8", which is the default of the readers; every
    spelling of UTF-8 passes its own mark over.

    Raises:
        ValueError: if Python knows no such encoding of text.
        DataError: if the mark belongs to another encoding than the one that was named.
    """
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding).read()
        name = codecs.lookup(encoding).name
    except (LookupError, UnicodeError, ValueError):
        raise ValueError(
            "`encoding` should be one that Python knows for text, such as 'utf-8'. "
            f"Received: {encoding!r}."
        ) from None
    marked = next((of for mark, of in _MARKS if start.startswith(mark)), None)
    if name in ("utf-8", "utf-8-sig"):
        return marked or "utf-8-sig"
    if marked is not None and not name.startswith(marked.removesuffix("-sig")):
        raise DataError(
            f"{path}: expected text in {encoding}. Received a file that starts with the byte order "
            f"mark of {marked.removesuffix('-sig')}: name that `encoding`."
        )
    return marked or name  # what the mark names passes the mark over


@contextlib.contextmanager
def open_bytes(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A file as bytes, unpacked where it is gzip, which is known by its first two bytes.

    Raises (also later, while the body of the `with` reads):
        FileNotFoundError, DataError: as `existing_file`; also if the file is named .gz without
            being gzip, or is a gzip file that is cut short or damaged.
    """
    path = existing_file(path)
    with path.open("rb") as raw:
        start = raw.peek(2)[:2]
        zipped = start == b"\x1f\x8b"
        if path.suffix == ".gz" and start and not zipped:
            raise DataError(
                f"{path} is named .gz and should be a gzip file, which starts with the bytes "
                f"1f 8b. Received a file that starts with {start.hex(' ')}."
            )
        try:
            yield io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path} should be a whole gzip file. Received one that is cut short or "
                f"damaged: {error}"
            ) from error


@contextlib.contextmanager
def open_text(path: str | os.PathLike, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """A file as text with its line ends kept; its `encoding` says what it is decoded by.

    Raises (also later, while the body of the `with` reads):
        FileNotFoundError, DataError: as `open_bytes`; also if the file holds bytes that its
            encoding cannot decode.
        ValueError: if there is no such encoding of text.
    """
    with open_bytes(path) as binary:
        name = text_encoding(path, encoding, binary.peek(4)[:4])
        try:
            yield io.TextIOWrapper(binary, encoding=name, newline="")
        except UnicodeDecodeError as error:
            raise DataError(_undecodable(path, name, error)) from error


def is_utf8(path: str | os.PathLike) -> bool:
    """Whether a file, plain or gzip, is text in UTF-8 from its start to its end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(path) as binary:
        try:
            while block := binary.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def bounded_lines(source: str, text: TextIO, *, max_text: int = MAX_TEXT) -> Iterator[str]:
    """The lines of a text, each with its line end.

    Raises:
        DataError: at a line of more than `LINE_TEXTS` x `max_text` characters, of which no
            more than that is read.
    """
    limit = LINE_TEXTS * max_text
    for number in itertools.count(1):
        line = text.readline(limit + 1)
        if not line:
            return
        if len(line) > limit:
            raise DataError(
                f"{source}, line {number}: expected a line of at most {limit:,} characters, which "
                f"is {LINE_TEXTS} times `max_text`. Received a longer one. If it is a line of the "
                "data, raise `max_text`."
            )
        yield line


def _undecodable(path: str | os.PathLike, name: str, error: UnicodeDecodeError) -> str:
    byte, place, advice = error.object[error.start], "", ""
    if not name.startswith(("utf-16", "utf-32")):
        limit = LINE_TEXTS * MAX_TEXT
        with open_bytes(path) as binary:
            for line in itertools.count(1):
                content = binary.readline(limit)
                if not content or len(content) == limit:
                    break
                try:
                    content.decode(name)
                except UnicodeDecodeError as in_line:
                    byte = content[in_line.start]
                    place = f", line {line}, byte {in_line.start + 1} of the line"
                    break
        advice = " Name the file's own `encoding`, for example latin-1."
    return (
        f"{path}{place}: expected text in {name.removesuffix('-sig')}. "
        f"Received the byte 0x{byte:02x}.{advice}"
    )
