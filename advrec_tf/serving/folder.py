"""The folder of an exported model: numbered versions, and the files beside each graph.

`MODEL/1`, `MODEL/2`, ... as TensorFlow Serving watches them; a version is written through
`ops.files.atomic_folder`. What the graph computes is left to `module`; nothing here imports
TensorFlow.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from advrec_tf.ops.versions import latest, numbered, versions

__all__ = ["latest", "numbered", "versions"]

EXTRA = Path("assets.extra")
METADATA = EXTRA / "advrec_tf.json"
ITEM_TEXT = EXTRA / "item_text.tsv"
WARMUP = EXTRA / "tf_serving_warmup_requests"
MODEL_CARD = Path("MODEL_CARD.md")


def version_path(directory: str | os.PathLike, version: int | None = None) -> Path:
    """`directory/version`; without `version`, the number after the highest there is.

    Raises:
        ValueError: if `version` is negative, or `directory` is a file or lies in one.
    """
    above = Path(directory)
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise ValueError(
            f"`directory` should be a folder. Received: {directory}, where {above} is a file."
        )
    if version is None:
        version = max(versions(directory), default=0) + 1
    if version < 0:
        raise ValueError(f"`version` should be >= 0. Received: {version!r}.")
    return Path(directory, str(version))


def remove_old(directory: str | os.PathLike, keep: int) -> list[Path]:
    """Remove the lowest versions until `keep` are left; returns the folders that are gone.

    Only folders that `export` wrote are counted and removed. Each is renamed first, so that a
    server sees a version whole or not at all.
    """
    own = [path for path in numbered(directory).values() if (path / METADATA).is_file()]
    old = own[: max(len(own) - keep, 0)]
    for path in old:
        hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        path.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)
    return old


def item_text_lines(item_ids: Sequence[str], texts: Sequence) -> str:
    """A line per item: id, tab, text with its white space collapsed; None and NaN are "".

    Raises:
        ValueError: if an id holds a tab or a line break.
    """
    lines = []
    for item_id, text in zip(item_ids, texts, strict=True):
        if any(character in item_id for character in "\t\n\r"):
            raise ValueError(
                "Item ids should hold no tab or line break where item texts are exported. "
                f"Received: {item_id!r}."
            )
        missing = text is None or text != text
        lines.append(f"{item_id}\t{'' if missing else ' '.join(str(text).split())}\n")
    return "".join(lines)


def read_item_text(path: str | os.PathLike) -> dict[str, str]:
    """The lines of `item_text_lines` in a file -> item id: text.

    Raises:
        ValueError: if the file is not UTF-8, or a line has no tab; it names the file.
    """
    try:
        lines = Path(path).read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} should be UTF-8: {error}.") from error
    found = {}
    for number, line in enumerate(lines, start=1):
        item_id, tab, text = line.partition("\t")
        if line and not tab:
            raise ValueError(
                f"{path}, line {number}: should hold an item id, a tab and a text. "
                f"Received: {line[:60]!r}."
            )
        if line:
            found[item_id] = text
    return found


def read_metadata(version_folder: str | os.PathLike) -> dict:
    """What `export` noted about a version.

    Raises:
        FileNotFoundError: if the folder is not one that `export` wrote.
        ValueError: if the file is no JSON object; it names the file.
    """
    path = Path(version_folder) / METADATA
    if not path.is_file():
        raise FileNotFoundError(f"No {METADATA} in {version_folder}: `export` did not write it.")
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} should hold JSON: {error}.") from error
    if not isinstance(notes, dict):
        raise ValueError(f"{path} should hold a JSON object. Received: {str(notes)[:60]}.")
    return notes
