"""Files of a knowledge graph: lines `head relation tail`, and lines `item entity`.

What they are put together to is left to `knowledge_graph`.
"""

from __future__ import annotations

import os

from advrec_tf.data.readers import records
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.ids import UnusableId, distinct_keys


def read_triples(path: str | os.PathLike) -> list[tuple[str, str, str]]:
    """Lines `head relation tail`, plain or gzip -> triples of text, in file order.

    A line that holds a tab is split at tabs (so names may hold blanks), any other at blanks.
    Blanks around names and their Unicode form are dealt with as in `ids`. Blank lines are passed
    over, and so is a first line that is a header: RecBole's, in which every field names its type
    (`head_id:token`), or the words head, relation and tail.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if a line does not have three parts, there is none, or the file cannot be
            read as text; the message names file and line.
    """
    return [parts for _, parts in _lines(path, ("head", "relation", "tail"))]


def read_item_entities(path: str | os.PathLike) -> dict[int | str, str]:
    """Lines `item entity` -> {item id: entity id}; files as in `read_triples`.

    Item ids follow the rule of `ids`, as in the readers of interactions.

    Raises:
        FileNotFoundError, DataError: as `read_triples`; also if an item has two lines.
    """
    entity_of: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, (item, entity) in _lines(path, ("item", "entity")):
        if item in entity_of:
            raise DataError(
                f"{path}, line {line}: expected one line an item. Received item {item!r} again."
            )
        entity_of[item], lines[item] = entity, line
    try:
        keys = distinct_keys(entity_of)
    except UnusableId as error:
        expected, item = error.args
        raise DataError(
            f"{path}, line {lines[item]}: expected {expected}. Received: {item!r}."
        ) from None
    return dict(zip(keys, entity_of.values(), strict=True))


def _lines(path: str | os.PathLike, fields: tuple[str, ...]):
    """Yields (line number, parts) of each line; DataError unless the parts are `fields`."""
    found = False
    for number, parts in records.read_lines(path, _split):
        if not found and _is_header(parts, fields):
            found = True  # and what follows is no header
            continue
        if len(parts) != len(fields) or not all(parts):
            raise DataError(
                f"{path}, line {number}: expected `{' '.join(fields)}`. "
                f"Received {len(parts)} fields: {[part[:80] for part in parts[:5]]!r}."
            )
        if any("\0" in part for part in parts):
            raise DataError(f"{path}, line {number}: expected text. Received a NUL character.")
        found = True
        yield number, parts
    if not found:
        raise DataError(f"{path}: expected lines `{' '.join(fields)}`. Received none.")


def _split(line: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in (line.split("\t") if "\t" in line else line.split()))


def _is_header(parts: tuple[str, ...], fields: tuple[str, ...]) -> bool:
    """Whether a first line names its fields: each with its type, or all by the usual words."""
    if all(part.endswith((":token", ":float")) for part in parts):
        return True
    words = tuple(part.lower().removeprefix("#").removesuffix("_id").strip() for part in parts)
    return words in (fields, ("subject", "predicate", "object"), ("h", "r", "t"))
