"""Numbered versions of a SavedModel in one folder, `MODEL/1`, `MODEL/2`, ..., as TensorFlow Serving
watches them."""

from __future__ import annotations

import os
from pathlib import Path


def numbered(directory: str | os.PathLike) -> dict[int, Path]:
    """Number -> folder, ascending; of two names of one number ("7", "007") the shorter."""
    directory = Path(directory)
    if not directory.is_dir():
        return {}
    found = [
        path
        for path in directory.iterdir()
        if path.name.isascii() and path.name.isdigit() and path.is_dir()
    ]
    found.sort(key=lambda path: (int(path.name), -len(path.name)))
    return {int(path.name): path for path in found}


def versions(directory: str | os.PathLike) -> list[int]:
    """The numbers of the versions in `directory`, ascending; none where it does not exist."""
    return list(numbered(directory))


def latest(directory: str | os.PathLike) -> Path:
    """The folder of the highest version, as it is named; `directory` itself where that is one.

    Raises:
        FileNotFoundError: if there is no version.
    """
    directory = Path(directory)
    if (directory / "saved_model.pb").is_file():
        return directory
    found = numbered(directory)
    if not found:
        raise FileNotFoundError(
            f"`directory` should hold numbered versions of a SavedModel. Received: {directory}."
        )
    return found[max(found)]
