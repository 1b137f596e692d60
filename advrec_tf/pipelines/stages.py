"""Stages of a long job: done once, stored, and taken from the store on resumption.

A stage is a name and a function. Its result (a JSON summary and arrays) is written to one
file in one step, so a kill leaves a stage done or not done, never half done. A function
that trains is given a checkpoint file of its own, for resuming inside the stage.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from advrec_tf.ops.files import atomic_bytes, atomic_file

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


@dataclasses.dataclass(frozen=True, eq=False)
class StageResult:
    """What a stage leaves behind.

    Attributes:
        summary: JSON-able facts.
        arrays: name -> array.
    """

    summary: dict
    arrays: dict[str, np.ndarray]


class StageStore:
    """Results of stages in one folder, bound to the run's identity.

    Args:
        folder: made if absent.
        identity: JSON-able; settings, data hash, versions: what the results depend on.
        resume: continue a run that is already in the folder.

    Attributes:
        folder, identity: as given.

    Raises:
        FileExistsError: if the folder holds a run and `resume` is False.
        ValueError: if it holds a run of another identity; the message names what differs.
    """

    def __init__(self, folder: str | os.PathLike, identity: dict, *, resume: bool = False):
        self.folder = Path(folder)
        self._stages = self.folder / "stages"
        record = self.folder / "run.json"
        identity = json.loads(json.dumps(identity))
        if record.exists():
            if not resume:
                raise FileExistsError(
                    f"{self.folder} holds a run already. Continue it with --resume, or choose "
                    "another folder."
                )
            stored = json.loads(record.read_text())
            stored, asked = _flat(stored), _flat(identity)
            differing = sorted(
                name for name in {*stored, *asked} if stored.get(name) != asked.get(name)
            )
            if differing:
                name = differing[0]
                raise ValueError(
                    f"{self.folder} holds a run that differs in {', '.join(differing)}: `{name}` "
                    f"was {stored.get(name)!r} and is {asked.get(name)!r}. A run is resumed "
                    "with the settings, data and versions that it was started with."
                )
        self._record, self.identity = record, identity
        _make(self._stages)

    def claim(self) -> None:
        """Write the run's record now, so that other processes may join it."""
        if not self._record.exists():
            text = json.dumps(self.identity, indent=2).encode()
            atomic_bytes(self._record, text, overwrite=True)

    def run(self, name: str, compute: Callable[[Path], StageResult]) -> StageResult:
        """The stored result of the stage, or else `compute(checkpoint file)`, stored."""
        path = self._stages / f"{name}.npz"
        if path.exists():
            return _read(path)
        self.claim()  # only now: a start that fails before its first stage leaves it free
        checkpoint = self._stages / f"{name}.checkpoint.npz"
        result = compute(checkpoint)
        # Another process may compute the same stage, and either file is whole.
        with atomic_file(path, overwrite=True) as unfinished:
            np.savez(unfinished, __summary__=json.dumps(result.summary), **result.arrays)
        checkpoint.unlink(missing_ok=True)
        gc.collect()  # Keras models are cycles: those of many stages would add up to gigabytes
        return _read(path)

    def has(self, name: str) -> bool:
        return (self._stages / f"{name}.npz").exists()

    def result(self, name: str) -> StageResult:
        """The result of a stage that is done.

        Raises:
            FileNotFoundError: if it is not.
        """
        return _read(self._stages / f"{name}.npz")


def slug(label: str) -> str:
    """A label as part of a stage's name: what is no letter or digit is an underscore."""
    return "".join(c if c.isalnum() else "_" for c in label)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(
            f"The run folder should be a folder, or a place for one. Received {folder}: a file "
            "stands there, or above it."
        ) from None


@contextlib.contextmanager
def sole_run(folder: str | os.PathLike) -> Iterator[None]:
    """No other process is inside this block with the same folder, which is made if absent.

    The lock goes with the process, however that ends. Where the system has no such locks
    nothing is checked.

    Raises:
        ValueError: if another process is.
    """
    folder = Path(folder)
    _make(folder)
    with open(folder / "lock", "w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"{folder} should be used by one run at a time. Received a folder in which "
                    "a run is going on: wait for it, or choose another."
                ) from None
        yield


def _flat(record: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _read(path: Path) -> StageResult:
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "__summary__"}
        return StageResult(json.loads(str(stored["__summary__"])), arrays)
