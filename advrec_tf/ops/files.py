"""Files and folders that appear whole or not at all, and never in the place of an input.

Every module that writes goes through `atomic_file`, `atomic_bytes` or `atomic_folder`: the
content is written beside its place and moved there when it is complete. `check_output` says
before a long run whether its output may be written. What is written is left to the callers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

_UNFINISHED = ".unfinished-"

IF_THERE = ", where a command has it"
"""Said of the option --overwrite, until a command is known to have it."""


def check_output(
    path: str | os.PathLike,
    *,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike | None] = (),
    name: str = "path",
) -> Path:
    """The place where `path` will be written, with links followed.

    Args:
        path: the file to write.
        overwrite: whether an existing regular file may be replaced.
        inputs: files and folders that the run reads (None is skipped). None of them is ever
            replaced, also where a link or another spelling of the path names it.
        name: of the argument, for the messages.

    Raises:
        ValueError: if `path` is an input, a file of an input folder, or exists and is no
            regular file.
        FileExistsError: if `path` exists and `overwrite` is False.
    """
    target = Path(os.path.realpath(path))
    if not target.exists():
        return target
    for source in inputs:
        if source is not None and _is_input(target, source):
            raise ValueError(
                f"`{name}` should be another file than the input {os.fspath(source)}, which is "
                f"never overwritten. Received: {os.fspath(path)}."
            )
    if not target.is_file():
        kind = "a folder" if target.is_dir() else "no regular file"
        raise ValueError(
            f"`{name}` should be the path of a file to write. Received: {os.fspath(path)}, "
            f"which is {kind}."
        )
    if not overwrite:
        asked = f"with --overwrite{IF_THERE}" if name[:2] == "--" else "if asked for"
        raise FileExistsError(
            f"`{name}` should be a new file: an existing one is replaced only {asked}. "
            f"Received: {os.fspath(path)}."
        )
    return target


@contextlib.contextmanager
def atomic_file(
    path: str | os.PathLike,
    *,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike | None] = (),
    name: str = "path",
) -> Iterator[Path]:
    """The path of an unfinished file to write, moved to `path` when the block ends.

    The unfinished file lies in the same folder (made if absent) and ends in the same suffix.
    If the block raises, it is removed and `path` is as before.

    Raises:
        ValueError, FileExistsError: as `check_output`; the second also where another process
            made the file during the block.
    """
    target = check_output(path, overwrite=overwrite, inputs=inputs, name=name)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _beside(target)
    try:
        yield unfinished
        _flush(unfinished)
        if overwrite:
            os.replace(unfinished, target)
        else:
            _move_to_new(unfinished, target, name)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def atomic_bytes(path: str | os.PathLike, content: bytes | str, **settings) -> None:
    """Write `content` (text as UTF-8) as the whole of a file; settings as `atomic_file`."""
    with atomic_file(path, **settings) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """An unfinished folder to write into, renamed to `path` when the block ends.

    The name of the unfinished folder starts with a dot and is no number, so that a server that
    watches the parent for numbered versions does not see it. If the block raises, nothing stays.

    Raises:
        FileExistsError: if `path` exists, also if it appeared during the block.
    """
    target = Path(path)
    taken = f"The folder should be new, none is ever overwritten. Received: {target}."
    if target.exists():
        raise FileExistsError(taken)
    unfinished = _beside(target)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if target.exists():  # the rename would silently replace an empty folder
            raise FileExistsError(taken)
        unfinished.rename(target)
    except OSError as error:
        if target.exists() and not isinstance(error, FileExistsError):
            raise FileExistsError(taken) from error
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove_unfinished(folder: str | os.PathLike) -> None:
    """Remove what writers that were killed left below `folder`; only while nobody writes there."""
    for path in Path(folder).rglob(f".*{_UNFINISHED}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_input(target: Path, source: str | os.PathLike) -> bool:
    source = Path(source)
    if not source.exists():
        return False
    if source.is_dir():
        return target.is_relative_to(os.path.realpath(source))
    return os.path.samefile(target, source)


def _beside(target: Path) -> Path:
    """A new name in the folder of `target`, with its suffix, within the limit of names."""
    return target.with_name(f".{target.stem[:40]}{_UNFINISHED}{uuid.uuid4().hex}{target.suffix}")


def _flush(path: Path) -> None:
    """Have the system write the file to its disk, so that the move cannot come first."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _move_to_new(unfinished: Path, target: Path, name: str) -> None:
    """Move without replacing: a hard link fails where the name is taken, a rename does not."""
    taken = f"`{name}` should be a new file. Received: {target}, which appeared meanwhile."
    try:
        os.link(unfinished, target)
    except FileExistsError:
        raise FileExistsError(taken) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(taken) from None
        os.replace(unfinished, target)
