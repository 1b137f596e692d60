"""CSV shards: a block is some megabytes of whole lines, parsed by Arrow.

Fields may be quoted, but hold no line ends: where a block begins is found without parsing what
stands before it. Files with such fields, or in another encoding than UTF-8, are read by
`data.readers`, whole.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

import numpy as np
import pyarrow as pa
from pyarrow import compute, csv

from advrec_tf.data.readers.columns import MISSING
from advrec_tf.data.readers.files import DataError, open_bytes
from advrec_tf.data.readers.records import find_columns, require_distinct, separator_of
from advrec_tf.data.streams.shards import BLOCK_BYTES, Shard, unchanged
from advrec_tf.data.streams.values import KINDS, as_kinds, kind_of, kinds_of

_PLAIN_INTEGER = r"^\s*(0|-?[1-9][0-9]*)\s*$"


class CsvFormat:
    """Reads CSV and TSV; see `shards.Format`.

    Args:
        separator: between fields; by default the one that the header of each file holds.
    """

    typed = False

    def __init__(self, separator: str | None = None):
        self.separator = separator

    def kinds(self, path: str, columns: Sequence[str] | None) -> dict[str, str]:
        with open_bytes(path) as file:
            names, separator, _ = self._header(path, file)
            wanted = list(names if columns is None else columns)
            find_columns(path, names, wanted, hint=f" (split at {separator!r})")
            content = next(_whole_lines(file, path), b"")
        guessed = _parse(content, names, separator, {}, wanted, path)
        found = kinds_of(_without_nulls(guessed.schema), wanted, path)
        texts = _parse(content, names, separator, dict.fromkeys(wanted, "string"), wanted, path)
        for name, kind in found.items():
            # "007" is no integer: as text it stays what it is.
            plain = compute.match_substring_regex(texts.column(name), _PLAIN_INTEGER)
            if kind == "int" and compute.any(compute.invert(plain)).as_py():
                found[name] = "string"
        return found

    def tables(self, path: str, kinds: Mapping[str, str]) -> Iterator[pa.Table]:
        """All rows of a file in their order, one block after the other; it may be gzip."""
        with open_bytes(path) as file:
            names, separator, place = self._header(path, file)
            for content in _whole_lines(file, path):
                yield _parse_whole(content, names, separator, kinds, path, place)
                place += len(content)

    def index(self, path: str, kinds: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
        rows = []
        with open(path, "rb") as file:
            names, separator, start = self._header(path, file)
            places = [start]
            for content in _whole_lines(file, path):
                table = _parse_whole(content, names, separator, kinds, path, places[-1])
                if table.num_rows:
                    rows.append(table.num_rows)
                    places.append(places[-1] + len(content))
                else:  # blank lines alone belong to the block before
                    places[-1] += len(content)
        return np.array(rows, np.int64), np.array(places, np.int64)

    def read(self, shard: Shard, block: int, kinds: Mapping[str, str]) -> pa.Table:
        begin, end = (int(place) for place in shard.places[block : block + 2])
        with unchanged(shard), open(shard.path, "rb") as file:
            names, separator, _ = self._header(shard.path, file)
            file.seek(begin)
            content = file.read(end - begin)
            return _parse(content, names, separator, kinds, list(kinds), shard.path)

    def _header(self, path: str, file: IO[bytes]) -> tuple[list[str], str, int]:
        """(column names, separator, bytes before the first record) of an open file."""
        line = file.readline(BLOCK_BYTES)
        try:
            text = line.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}, line 1: expected text in UTF-8. Received: {error}.") from None
        if not text.strip():
            raise DataError(f"{path}: expected a header line. Received a file that starts empty.")
        separator = self.separator or separator_of(path, text)
        names = _parse((text + "\n").encode(), None, separator, {}, None, path).column_names
        require_distinct(path, names)
        return names, separator, len(line)


def _parse_whole(
    content: bytes,
    names: Sequence[str],
    separator: str,
    kinds: Mapping[str, str],
    path: str,
    place: int,
) -> pa.Table:
    """`_parse`; DataError where a line end inside quotes may have been cut at."""
    table = _parse(content, names, separator, kinds, list(kinds), path)
    if b'"' in content and table.num_rows != sum(map(_filled, content.splitlines())):
        raise DataError(
            f"{path}: expected fields without line ends inside quotes, so that its lines can be "
            f"cut into blocks. Received one between bytes {place:,} and {place + len(content):,}: "
            "write the file as one Parquet file by `advrec data convert --out FILE.parquet`."
        )
    return table


def _filled(line: bytes) -> bool:
    return bool(line.strip(b"\r"))


def _whole_lines(file: IO[bytes], path: str) -> Iterator[bytes]:
    """The rest of a file in pieces of about `BLOCK_BYTES` that end where a line does."""
    kept = b""
    while content := file.read(BLOCK_BYTES):
        cut = content.rfind(b"\n") + 1
        if cut:
            yield kept + content[:cut]
            kept = content[cut:]
        else:
            kept += content
            if len(kept) > 8 * BLOCK_BYTES:
                raise DataError(f"{path}: expected lines of less than {len(kept):,} bytes.")
    if kept:
        yield kept


def _parse(
    content: bytes,
    names: Sequence[str] | None,
    separator: str,
    kinds: Mapping[str, str],
    wanted: Sequence[str] | None,
    path: str,
) -> pa.Table:
    """Lines as a table, columns of the `kinds` as `as_kinds` makes them, others as they look; with
    `names` None the first line is the header."""
    if not content.strip():
        empty = [pa.field(name, KINDS.get(kinds.get(name, "string"))) for name in wanted or ()]
        return pa.schema(empty).empty_table()
    try:
        table = csv.read_csv(
            io.BytesIO(content),
            read_options=csv.ReadOptions(
                column_names=names, block_size=len(content) + 1, use_threads=False
            ),
            parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=False),
            convert_options=csv.ConvertOptions(
                # The type of times depends on whether they have a zone.
                column_types={name: KINDS[kind] for name, kind in kinds.items() if kind != "time"},
                include_columns=wanted,
                null_values=sorted(MISSING),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for name, kind in kinds.items():
            found = table.schema.field(name).type
            if kind == "time" and not (pa.types.is_null(found) or kind_of(found) == kind):
                raise pa.ArrowInvalid(f"column {name!r} holds values that look like {found}")
        return as_kinds(table, kinds) if kinds else table
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path}: expected whole lines of {len(names or ())} fields split at {separator!r}, "
            "whose values are of one kind "
            f"({', '.join(itertools.starmap('{}: {}'.format, kinds.items())) or 'as they look'}). "
            f"Received: {reason}"
        ) from error


def _without_nulls(schema: pa.Schema) -> pa.Schema:
    """A schema whose columns without any value are of text."""
    fields = [pa.field(f.name, pa.string()) if pa.types.is_null(f.type) else f for f in schema]
    return pa.schema(fields)
