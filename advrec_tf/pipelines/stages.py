"""Stages of a long job: done once, stored, and taken from the store on resumption.

A stage is a name and a function. Its result (a JSON summary and arrays) is written to one
file in one step, so a kill leaves a stage done or not done, never half done. A function
that trains is given a checkpoint file of its own, for resuming inside the stage.

Every file carries the stage's name and the identity of its run, so that a file from elsewhere is
refused; a damaged one is refused with its name. Nothing is computed again unasked: the message says
which file to remove. That one run at a time works in a folder is left to `run_lock`.
"""

from __future__ import annotations

import collections
import dataclasses
import gc
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from advrec_tf.ops.files import atomic_bytes, atomic_file
from advrec_tf.ops.stored import DamagedFileError, read_arrays, read_json

_AGAIN = "Remove it and continue with --resume: {} is computed again."
_CHECKPOINT = ".checkpoint.npz"


OPTIONS = "options"
"""The part of a run's record that says how it was asked for."""


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
        options: JSON-able; how the run was asked for, which its record keeps beside the identity
            and which may differ when it is resumed.
        replaceable: whether --overwrite replaces what the folder holds, which a refusal then says.

    Attributes:
        folder, identity: as given.
        verdicts: stage -> what its summary says of the health of its training, of all stages that
            were computed or read so far and say something.

    Raises:
        FileExistsError: if the folder holds a run, or stages of one, and `resume` is False.
        ValueError: if it holds a run of another identity; the message names what differs.
        DamagedFileError: if its run.json, or later a stage, is damaged; the message names the file.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        identity: dict,
        *,
        resume: bool = False,
        options: dict | None = None,
        replaceable: bool = False,
    ):
        self.folder = Path(folder)
        self._options, self._resume = options, resume
        self._stages = self.folder / "stages"
        self._record = self.folder / "run.json"
        self.identity = json.loads(json.dumps(identity))
        self.verdicts: dict[str, str] = {}
        require_free(self.folder, resume=resume, replaceable=replaceable)
        if holds_run(self.folder):
            self._require_own_run(replaceable)
        make_run_folder(self._stages)

    def _require_own_run(self, replaceable: bool) -> None:
        if not self._record.exists():  # every stage says what it was computed with, these do not
            for checkpoint in sorted(self._stages.glob(f"*{_CHECKPOINT}")):
                raise ValueError(
                    f"{self._record} should say what run {checkpoint} is of. Received no such "
                    f"file. {_AGAIN.format('its training')}"
                )
            return
        cure = (
            "Remove it and continue with --resume: the stages say themselves what they were "
            "computed with."
        )
        record = read_json(self._record, cure=cure)
        record.pop(OPTIONS, None)
        differing = _differences(record, self.identity)
        if differing:
            replace = "; --overwrite without --resume replaces it" if replaceable else ""
            raise ValueError(
                f"{self.folder} holds a run that {differing}. A run is resumed with the settings, "
                "given or by default, data and versions that it was started with"
                f"{replace}."
            )

    def claim(self) -> None:
        """Write the run's record now, so that other processes may join it."""
        if not self._record.exists():
            about = {} if self._options is None else {OPTIONS: self._options}
            text = json.dumps({**self.identity, **about}, indent=2, default=str)
            atomic_bytes(self._record, text, overwrite=True)

    def part(self, name: str, **identity) -> StageStore:
        """The store of a part of the run, in the folder `name` below it.

        Args:
            name: of the folder.
            **identity: what the results of the part depend on beside what the whole run does, such
                as its data; so that parts may join a run later.

        Raises:
            FileExistsError, ValueError, DamagedFileError: as `StageStore`.
        """
        self.claim()
        own = {**self.identity, **identity}
        return StageStore(self.folder / name, own, resume=self._resume)

    def run(self, name: str, compute: Callable[[Path], StageResult]) -> StageResult:
        """The stored result of the stage, or else `compute(checkpoint file)`, stored.

        Where the first stage of a run fails with nothing done, the folder is free again.

        Raises:
            DamagedFileError, ValueError: if its file is damaged, or of another stage or run.
        """
        path = self._path(name)
        if path.exists():
            return self.result(name)
        own = not self._record.exists()
        self.claim()  # only now: a start that fails before its first stage leaves it free
        checkpoint = self._stages / f"{name}{_CHECKPOINT}"
        try:
            result = compute(checkpoint)
        except Exception:
            if own and not any(self._stages.iterdir()):  # nothing was done, so it is free again
                self._record.unlink(missing_ok=True)
            raise
        about = {"stage": name, "identity": self.identity, "summary": result.summary}
        # Another process may compute the same stage, and either file is whole.
        with atomic_file(path, overwrite=True) as unfinished:
            np.savez(unfinished, __stage__=json.dumps(about), **result.arrays)
        checkpoint.unlink(missing_ok=True)
        gc.collect()  # Keras models are cycles: those of many stages would add up to gigabytes
        return self.result(name)

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def result(self, name: str) -> StageResult:
        """The result of a stage that is done.

        Raises:
            FileNotFoundError: if it is not.
            DamagedFileError, ValueError: if its file is damaged, or of another stage or run.
        """
        path = self._path(name)
        cure = _AGAIN.format("the stage")
        arrays = read_arrays(path, cure=cure)
        try:
            about = json.loads(str(arrays.pop("__stage__")))
            found, identity, summary = about["stage"], about["identity"], about["summary"]
        except (KeyError, TypeError, ValueError):
            raise DamagedFileError(path, "it is no stage of a run", cure) from None
        differing = _differences(identity, self.identity)
        if found != name:
            differing = f"is of the stage {found!r}"
        if differing:
            raise ValueError(
                f"{path} should be the stage {name!r} of this run. Received a file that "
                f"{differing}. {cure}"
            )
        if summary.get("verdict"):
            self.verdicts[name] = summary["verdict"]
        return StageResult(summary, arrays)

    def _path(self, name: str) -> Path:
        return self._stages / f"{name}.npz"


def holds_run(folder: str | os.PathLike) -> bool:
    """Whether the folder holds a run: its record, or stages of one."""
    folder = Path(folder)
    return (folder / "run.json").exists() or any((folder / "stages").glob("*.npz"))


def nothing_to_resume(folder: str | os.PathLike) -> str | None:
    """What is said of a folder that should hold a run, or runs in folders of its own, and does
    not: it may be misspelt. None where it does."""
    folder = Path(folder)
    if holds_run(folder) or any(map(holds_run, folder.glob("*/"))):
        return None
    return f"{os.fspath(folder)} holds no run to resume. A new run starts."


def require_free(
    folder: str | os.PathLike, *, resume: bool = False, replaceable: bool = False
) -> None:
    """Refuse a folder that holds a run, unless that is to be resumed; arguments as `StageStore`.

    Raises:
        FileExistsError: if it does.
    """
    if holds_run(folder) and not resume:
        replace = " replace it with --overwrite," if replaceable else ""
        raise FileExistsError(
            f"{os.fspath(folder)} holds a run already. Continue it with --resume,{replace} or "
            "choose another folder."
        )


def slug(label: str) -> str:
    """A label as part of a stage's name: what is no letter or digit is an underscore."""
    return "".join(c if c.isalnum() else "_" for c in label)


def make_run_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        ValueError: if a file stands in its place, or above it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(
            f"The run folder should be a folder, or a place for one. Received {folder}: a file "
            "stands there, or above it."
        ) from None


def _differences(stored: dict, asked: dict) -> str:
    """Where two identities differ, as the end of a sentence; "" where they are equal. Each setting
    is named as an argument, which a command tells as its option."""
    stored, asked = _flat(stored), _flat(asked)
    differing = [name for name in {*stored, *asked} if stored.get(name) != asked.get(name)]
    if not differing:
        return ""
    # What was set stands before what follows from it, such as a table with an entry an item.
    differing.sort(key=lambda name: (not name.startswith(_SETTINGS), name.count("."), name))
    entries = collections.Counter(name.partition(".")[0] for name in differing)
    told = []
    for name in differing:
        table = name.partition(".")[0]
        if name.startswith(_SETTINGS) or entries[table] <= _NAMED:
            was, now = (_told(record.get(name)) for record in (stored, asked))
            told.append(f"`{name.removeprefix(_SETTINGS)}` was {was} and is {now}")
        else:
            told.append(f"{entries[table]} entries of `{table}` are others")
    return f"differs: {', '.join(dict.fromkeys(told))}"


_SETTINGS = "settings."
_NAMED = 5  # entries of a table, which nobody set one by one, that a message names


def _told(value) -> str:
    """A value as it is typed, and the beginning of a hash."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    if _HASH.fullmatch(text):
        return f"{text[:12]}..."
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


_LONG = 80
_HASH = re.compile("[0-9a-f]{64}")


def _flat(record: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
