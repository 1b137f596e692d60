"""Files of a knowledge graph: lines `head relation tail`, and lines `item entity`.

What they are put together to is left to `knowledge_graph`.
"""

from __future__ import annotations

import os

from advrec_tf.data.readers import files
from advrec_tf.data.readers.columns import integer_like
from advrec_tf.data.readers.files import DataError


def read_triples(path: str | os.PathLike) -> list[tuple[str, str, str]]:
    """Lines `head relation tail`, plain or gzip -> triples of text, in file order.

    A line that holds a tab is split at tabs (so names may hold blanks), any other at blanks.
    Blank lines are passed over, and so is a first line that is RecBole's header, in which every
    field names its type (`head_id:token`).

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if a line does not have three parts, there is none, or the file cannot be
            read as text; the message names file and line.
    """
    return [parts for _, parts in _lines(path, ("head", "relation", "tail"))]


def read_item_entities(path: str | os.PathLike) -> dict[int | str, str]:
    """Lines `item entity` -> {item id: entity id}; files as in `read_triples`.

    Item ids become int where all of them are canonical integers, as in the readers of
    interactions.

    Raises:
        FileNotFoundError, DataError: as `read_triples`; also if an item has two lines.
    """
    entity_of: dict[int | str, str] = {}
    for line, (item, entity) in _lines(path, ("item", "entity")):
        if item in entity_of:
            raise DataError(
                f"{path}, line {line}: expected one line an item. Received item {item!r} again."
            )
        entity_of[item] = entity
    if integer_like(entity_of).all():
        return {int(item): entity for item, entity in entity_of.items()}
    return entity_of


def _lines(path: str | os.PathLike, fields: tuple[str, ...]):
    """Yields (line number, parts) of each line; DataError unless the parts are `fields`."""
    line = None
    with files.open_text(path) as text:
        for number, content in enumerate(text, start=1):
            if not content.strip() or (number == 1 and _is_typed_header(content)):
                continue
            parts = content.split("\t") if "\t" in content else content.split()
            parts = tuple(part.strip() for part in parts)
            if len(parts) != len(fields) or not all(parts):
                raise DataError(
                    f"{path}, line {number}: expected `{' '.join(fields)}`. "
                    f"Received {len(parts)} fields: {parts[: len(fields) + 2]!r}."
                )
            line = number
            yield line, parts
    if line is None:
        raise DataError(f"{path}: expected lines `{' '.join(fields)}`. Received none.")


def _is_typed_header(line: str) -> bool:
    return all(field.endswith((":token", ":float")) for field in line.split())
