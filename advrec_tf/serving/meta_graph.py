"""The signatures inside a serialized MetaGraphDef, read from the wire format.

The message classes come with Python's TensorFlow, and to import them is to import all of it.
Few fields are needed, so `c_api` reads them here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """Where a signature's input or output lives: `operation:index` and the DataType."""

    name: str
    dtype: int


@dataclasses.dataclass(frozen=True)
class Signature:
    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]


def read_fields(message: bytes | memoryview) -> Iterator[tuple[int, Any]]:
    """(field number, value) of a protocol buffer; varints as int, all else as bytes."""
    position = 0

    def varint() -> int:
        nonlocal position
        value, shift = 0, 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while position < len(message):
        tag = varint()
        wire_type = tag & 7
        if wire_type == 0:
            yield tag >> 3, varint()
            continue
        if wire_type not in (1, 2, 5):
            raise ValueError(f"Not a protocol buffer: wire type {wire_type} at byte {position}.")
        length = varint() if wire_type == 2 else {1: 8, 5: 4}[wire_type]
        if position + length > len(message):
            raise ValueError(f"Not a protocol buffer: it ends inside a field, {position=}.")
        yield tag >> 3, message[position : position + length]
        position += length


def read_signatures(meta_graph: bytes) -> dict[str, Signature]:
    """A serialized MetaGraphDef -> its signatures by name (field 5, a map)."""
    fields = read_fields(memoryview(meta_graph))
    entries = [dict(read_fields(value)) for number, value in fields if number == 5]
    return {str(entry[1], "utf-8"): _read_signature(entry.get(2, b"")) for entry in entries}


def _read_signature(message: bytes | memoryview) -> Signature:
    """SignatureDef: inputs = 1 and outputs = 2, maps; TensorInfo: name = 1, dtype = 2."""
    tensors: dict[int, dict[str, TensorInfo]] = {1: {}, 2: {}}
    for number, value in read_fields(message):
        if number in tensors:
            entry = dict(read_fields(value))
            info = dict(read_fields(entry.get(2, b"")))
            if 1 in info:
                key = str(entry[1], "utf-8")
                tensors[number][key] = TensorInfo(str(info[1], "utf-8"), info.get(2, 0))
    return Signature(inputs=tensors[1], outputs=tensors[2])
