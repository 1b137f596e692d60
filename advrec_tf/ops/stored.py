"""Files that the package wrote and reads again: what is wrong with one is said, with its cure.

A file can be cut short, changed, or replaced by another between two runs. `read_arrays` and
`read_json` give its content as it was written, or raise `DamagedFileError`, whose sentence names
the file and what to do about it. How files are written is left to `ops.files`.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


class DamagedFileError(ValueError):
    """A file is not what the package wrote."""

    def __init__(self, path: str | os.PathLike, reason: str, cure: str):
        super().__init__(
            f"{os.fspath(path)} should be as it was written. Received a damaged file: {reason}. "
            f"{cure}"
        )


def read_arrays(path: str | os.PathLike, *, cure: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, by name; nothing in it is unpickled.

    Args:
        path: the file.
        cure: a sentence: what the user does where the file is damaged.

    Raises:
        FileNotFoundError, PermissionError: if there is no such file, or it may not be read.
        DamagedFileError: if a byte of an array is not as it was written, or the file is no .npz.
    """
    if Path(path).is_dir():
        raise DamagedFileError(path, "it is a folder", cure)
    with open(path, "rb") as file:
        if file.read(2) != b"PK":  # np.load would take any other file for a pickle
            empty = os.path.getsize(path) == 0
            raise DamagedFileError(path, "it is empty" if empty else "it is no .npz file", cure)
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                changed = archive.testzip()  # np.load checks no sum where a shape was changed
            if changed is not None:
                raise DamagedFileError(path, f"{changed} in it was changed", cure)
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (DamagedFileError, MemoryError):
            raise
        except Exception as error:  # zipfile and NumPy have a dozen kinds for what is not theirs
            raise DamagedFileError(path, "it was cut short or changed", cure) from error


def read_json(path: str | os.PathLike, *, cure: str) -> dict:
    """The JSON object in a file.

    Raises:
        FileNotFoundError, PermissionError: if there is no such file, or it may not be read.
        DamagedFileError: if it holds no JSON object.
    """
    if Path(path).is_dir():
        raise DamagedFileError(path, "it is a folder", cure)
    try:
        found = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(path, f"it is no JSON ({error})", cure) from error
    if not isinstance(found, dict):
        raise DamagedFileError(path, "it holds no JSON object", cure)
    return found


def pack_ids(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of an .npz file that hold `values`, one array of integers or of texts.

    Texts are their bytes one after the other, and where each ends: an array of text would take the
    room of the longest for each, and drop NUL characters.
    """
    if values.dtype.kind in "iu":
        return {name: values}
    encoded = [str(value).encode("utf-8", "surrogatepass") for value in values]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    return {name: np.frombuffer(b"".join(encoded), np.uint8), f"{name}_ends": ends}


def unpack_ids(name: str, stored: Mapping[str, np.ndarray]) -> np.ndarray:
    """The values that `pack_ids` put under `name`; KeyError where there are none."""
    values = stored[name]
    if f"{name}_ends" not in stored:
        return values
    content, start, texts = values.tobytes(), 0, []
    for end in stored[f"{name}_ends"].tolist():
        texts.append(content[start:end].decode("utf-8", "surrogatepass"))
        start = end
    return np.array([*texts, None], object)[:-1]
