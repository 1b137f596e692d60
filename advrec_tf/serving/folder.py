"""The folder of an exported model: numbered versions, and the files beside each graph.

`MODEL/1`, `MODEL/2`, ... as TensorFlow Serving watches them; a version is written through
`ops.files.atomic_folder`. What the graph computes is left to `served`; nothing here imports
TensorFlow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

METADATA = Path("assets.extra", "advrec_tf.json")
ITEM_TEXT = Path("assets.extra", "item_text.tsv")
WARMUP = Path("assets.extra", "tf_serving_warmup_requests")


def versions(directory: str | os.PathLike) -> list[int]:
    """The numbers of the versions in `directory`, ascending; none where it does not exist."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    return sorted(
        int(path.name)
        for path in directory.iterdir()
        if path.name.isascii() and path.name.isdigit() and path.is_dir()
    )


def latest(directory: str | os.PathLike) -> Path:
    """The folder of the highest version; `directory` itself where that is a version.

    Raises:
        FileNotFoundError: if there is no version.
    """
    directory = Path(directory)
    if (directory / "saved_model.pb").is_file():
        return directory
    numbers = versions(directory)
    if not numbers:
        raise FileNotFoundError(
            f"`directory` should hold numbered versions of a SavedModel. Received: {directory}."
        )
    return directory / str(numbers[-1])


def version_path(directory: str | os.PathLike, version: int | None = None) -> Path:
    """`directory/version`; without `version`, the number after the highest there is.

    Raises:
        ValueError: if `version` is negative.
    """
    if version is None:
        version = max(versions(directory), default=0) + 1
    if version < 0:
        raise ValueError(f"`version` should be >= 0. Received: {version!r}.")
    return Path(directory, str(version))


def write_item_text(path: Path, item_ids: Sequence[str], texts: Sequence) -> None:
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
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def read_item_text(path: str | os.PathLike) -> dict[str, str]:
    """The file of `write_item_text` -> item id: text."""
    lines = Path(path).read_bytes().decode("utf-8").split("\n")
    return dict(line.split("\t", 1) for line in lines if line)


def read_metadata(version_folder: str | os.PathLike) -> dict:
    """What `export` noted about a version.

    Raises:
        FileNotFoundError: if the folder is not one that `export` wrote.
    """
    path = Path(version_folder) / METADATA
    if not path.is_file():
        raise FileNotFoundError(f"No {METADATA} in {version_folder}: `export` did not write it.")
    return json.loads(path.read_text(encoding="utf-8"))
