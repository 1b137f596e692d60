"""TFRecord shards of `tf.train.Example`: a block is some megabytes of records, read by TensorFlow.

Each feature is one value: an int64, a float or bytes. A feature that an example lacks is missing.
"""

from __future__ import annotations

import mmap
import struct
import uuid
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from advrec_tf.data.readers.files import DataError, existing_file
from advrec_tf.data.readers.records import find_columns
from advrec_tf.data.streams.shards import BLOCK_BYTES, Shard, unchanged
from advrec_tf.data.streams.values import KINDS, as_kinds

_AROUND = 16  # bytes of a record beside its content: the length, and a sum after each
_LISTS = {"int64_list": "int", "float_list": "float", "bytes_list": "string"}
_TYPES = {"int": tf.int64, "float": tf.float32, "string": tf.string}


class TFRecordFormat:
    """Reads TFRecord files that are not compressed; see `shards.Format`.

    Attributes:
        own_kinds: column name -> its kind in the first shard, by which examples are parsed.
    """

    typed = True

    def __init__(self) -> None:
        self.own_kinds: dict[str, str] = {}

    def kinds(self, path: str, columns: Sequence[str] | None) -> dict[str, str]:
        features = _first_example(path).features.feature
        names = sorted(features)
        wanted = list(names if columns is None else columns)
        find_columns(path, names, wanted)
        found = {}
        for name in wanted:
            which = features[name].WhichOneof("kind")
            values = getattr(features[name], which).value if which else ()
            if which is None or len(values) != 1:
                raise DataError(
                    f"{path}, feature {name!r}: expected one value in each example. Received "
                    f"{len(values)} in the first: leave it out by `columns`."
                )
            found[name] = _LISTS[which]
        self.own_kinds = self.own_kinds or dict(found)
        return found

    def index(self, path: str, kinds: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
        rows, places, place = [], [0], 0
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size, count = len(data), 0
            while place < size:
                if place + _AROUND > size:
                    raise _cut_short(path, place, size)
                place += _AROUND + struct.unpack_from("<Q", data, place)[0]
                count += 1
                if place > size:
                    raise _cut_short(path, place, size)
                if place - places[-1] >= BLOCK_BYTES or place == size:
                    rows.append(count)
                    places.append(place)
                    count = 0
        return np.array(rows, np.int64), np.array(places, np.int64)

    def read(self, shard: Shard, block: int, kinds: Mapping[str, str]) -> pa.Table:
        with unchanged(shard):
            rows = int(shard.rows[block])
            begin, end = (int(place) for place in shard.places[block : block + 2])
            serialized = _records(shard.path, begin, end, rows)
            specs = {
                name: tf.io.RaggedFeature(_TYPES[self.own_kinds[name]], row_splits_dtype=tf.int64)
                for name in kinds
            }
            try:
                found = tf.io.parse_example(serialized, specs)
            except tf.errors.OpError as error:
                raise DataError(
                    f"{shard.path}: expected examples with the features "
                    f"{', '.join(f'{name} ({self.own_kinds[name]})' for name in kinds)}, as in the "
                    f"first shard. Received: {error.message.splitlines()[0]}"
                ) from error
            columns = [_column(found[name], name, self.own_kinds[name], shard) for name in kinds]
            return as_kinds(pa.table(columns, names=list(kinds)), kinds)


def _records(path: str, begin: int, end: int, count: int) -> tf.Tensor:
    """[count] strings, the first records between two bytes of a file, their sums verified.

    TensorFlow's reader starts at the beginning of a file, so the bytes go through one in memory.

    Raises:
        DataError: if a record was changed.
    """
    with open(path, "rb") as file:
        file.seek(begin)
        content = file.read(end - begin)
    in_memory = f"ram://{uuid.uuid4().hex}"
    try:
        with tf.io.gfile.GFile(in_memory, "wb") as copy:
            copy.write(content)
        records = tf.data.TFRecordDataset(in_memory, buffer_size=BLOCK_BYTES).take(count)
        return next(iter(records.batch(count)))
    except (tf.errors.OpError, StopIteration) as error:
        reason = str(error).splitlines()[0] if str(error) else "no record"
        raise DataError(
            f"{path}: expected whole records. Received after byte {begin:,}: {reason}"
        ) from error
    finally:
        tf.io.gfile.remove(in_memory)


def _first_example(path: str) -> tf.train.Example:
    size = existing_file(path).stat().st_size
    if size < _AROUND:
        raise DataError(f"{path}: expected records. Received a file of less than {_AROUND} bytes.")
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
    if length + _AROUND > size:
        raise _cut_short(path, length + _AROUND, size)
    content = _records(path, 0, length + _AROUND, 1)[0].numpy()
    try:
        return tf.train.Example.FromString(content)
    except Exception as error:  # the message classes of protobuf differ by its implementation
        raise DataError(
            f"{path}: expected records of tf.train.Example. Received: {error}"
        ) from None


def _column(ragged: tf.RaggedTensor, name: str, kind: str, shard: Shard) -> pa.Array:
    """One value a row, null where there is none."""
    lengths = ragged.row_lengths().numpy()
    if (lengths > 1).any():
        raise DataError(
            f"{shard.path}, feature {name!r}: expected at most one value in each example. "
            f"Received {lengths.max()}."
        )
    there = lengths == 1
    values = ragged.flat_values.numpy()
    if kind == "string":
        try:
            values = pa.array(values, pa.binary()).cast(pa.string())
        except pa.ArrowException as error:
            raise DataError(
                f"{shard.path}, feature {name!r}: expected text in UTF-8. Received: {error}"
            ) from None
    else:
        values = pa.array(values).cast(KINDS[kind])
    if there.all():
        return values
    return values.take(pa.array(np.where(there, np.cumsum(there) - 1, 0), mask=~there))


def _cut_short(path: str, expected: int, size: int) -> DataError:
    return DataError(
        f"{path}: expected whole records, the last of which ends at byte {expected:,} or later. "
        f"Received {size:,} bytes: the file was cut short or is no TFRecord file."
    )
