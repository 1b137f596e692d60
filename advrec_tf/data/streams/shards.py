"""Shards: the files of a stream, and the blocks of rows that each can be read by.

A block is what is read at once: a row group of Parquet, or some megabytes of CSV or TFRecord. How
a format is read is left to its module; the order of the blocks to `stream`.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import glob
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from advrec_tf.data.readers.files import DataError

BLOCK_BYTES = 4 << 20
"""Bytes of a block of a CSV or TFRecord file, about."""

SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
}
"""How the name of a shard ends -> its format."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Shard:
    """One file.

    Attributes:
        path: where it lies.
        size: of the file in bytes, when it was opened.
        rows: [blocks] int64, rows of each block.
        places: [blocks + 1] int64, where each block begins and the last one ends: bytes of the
            file, or numbers of row groups.
    """

    path: str
    size: int
    rows: np.ndarray
    places: np.ndarray


class Format(Protocol):
    """How files of one format are read.

    Attributes:
        typed: whether files say themselves of which kind their columns are.
    """

    typed: bool

    def kinds(self, path: str, columns: Sequence[str] | None) -> dict[str, str]:
        """The kinds (`values.KINDS`) of the named columns, or of all; DataError as readers."""

    def index(self, path: str, kinds: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """`Shard.rows` and `Shard.places`; DataError where the file is not whole."""

    def read(self, shard: Shard, block: int, kinds: Mapping[str, str]) -> pa.Table:
        """The rows of a block, as `values.as_kinds` makes them."""


def find_shards(source: str | os.PathLike | Sequence[str | os.PathLike]) -> list[str]:
    """The files that a path, a folder, a pattern such as "shards/*.parquet", or a list of these
    names; those of a folder or a pattern in the order of their names.

    Raises:
        FileNotFoundError: if a path, folder or pattern names no file.
        ValueError: if a file stands twice.
    """
    given = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    found: list[str] = []
    for one in [os.fspath(path) for path in given]:
        if os.path.isdir(one):
            names = sorted(os.listdir(one))
            listed = [os.path.join(one, n) for n in names if Path(n).suffix.lower() in SUFFIXES]
            listed = [path for path in listed if not os.path.basename(path).startswith((".", "_"))]
        elif glob.has_magic(one) and not os.path.exists(one):
            listed = sorted(path for path in glob.glob(one, recursive=True) if os.path.isfile(path))
        else:
            listed = [one] if os.path.isfile(one) else []
        if not listed:
            raise FileNotFoundError(
                "`source` should be the path of a shard, a folder of shards, a pattern such as "
                f"'shards/*.parquet', or a list of these. Received: {one}, where no shard is."
            )
        found += listed
    if not found:
        raise FileNotFoundError("`source` should name a shard. Received an empty list.")
    doubled = [path for path, count in collections.Counter(found).items() if count > 1]
    if doubled:
        raise ValueError(f"`source` should name each shard once. Received twice: {doubled[0]}.")
    return found


def format_name(paths: Sequence[str]) -> str:
    """The one format of the files, by their names.

    Raises:
        ValueError: if a name has another ending than those of `SUFFIXES`, or there are two formats.
    """
    names: dict[str, str] = {}
    for path in paths:
        suffix = Path(path).suffix.lower()
        if suffix not in SUFFIXES:
            hint = ""
            if suffix == ".gz":
                hint = " A compressed file cannot be read from its middle: `advrec data convert`."
            raise ValueError(
                f"`source` should name files that end in {', '.join(SUFFIXES)}. "
                f"Received: {path}.{hint}"
            )
        names.setdefault(SUFFIXES[suffix], path)
    if len(names) > 1:
        raise ValueError(
            "`source` should name files of one format. "
            f"Received: {', '.join(f'{path} ({name})' for name, path in names.items())}."
        )
    return next(iter(names))


def index_shard(
    file_format: Format,
    path: str,
    kinds: Mapping[str, str],
    *,
    first: str,
    given: Collection[str],
) -> Shard:
    """A shard whose columns are those of the first one.

    Args:
        file_format: how it is read.
        path: where it lies.
        kinds: the columns of the first shard and their kinds.
        first: the path of the first shard, for messages.
        given: columns whose kind was given, and so may differ in the files.

    Raises:
        DataError: if a column is missing or of another kind, or the file is not whole.
    """
    size = os.path.getsize(path)
    if not size:
        raise DataError(f"{path}: expected a shard with rows. Received an empty file.")
    found = file_format.kinds(path, list(kinds)) if file_format.typed and path != first else {}
    for name, kind in found.items():
        if kind != kinds[name] and name not in given:
            raise DataError(
                f"{path}, column {name!r}: expected the kind {kinds[name]}, as in the first shard "
                f"{first}. Received: {kind}. `kinds={{{name!r}: 'float'}}` or another kind reads "
                "both as that one."
            )
    rows, places = file_format.index(path, kinds)
    return Shard(path=path, size=size, rows=rows, places=places)


@contextlib.contextmanager
def unchanged(shard: Shard) -> Iterator[None]:
    """Errors of reading a shard, in the body of the `with`, as sentences that name it.

    Raises:
        DataError: if the file is gone, has another size than when it was opened, or is damaged.
    """
    try:
        if os.path.getsize(shard.path) != shard.size:
            raise DataError(
                f"{shard.path}: expected the {shard.size:,} bytes that it had when the stream was "
                f"opened. Received {os.path.getsize(shard.path):,}: open the stream again."
            )
        yield
    except FileNotFoundError:
        raise DataError(
            f"{shard.path}: expected a shard, which was there when the stream was opened. "
            "Received nothing: it was removed meanwhile."
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{shard.path}: expected a whole shard. Received: {str(error).splitlines()[0]}"
        ) from error
