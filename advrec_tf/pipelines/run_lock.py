"""One run at a time in a run folder; a second one is told which process is there."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from advrec_tf.pipelines.stages import make_run_folder

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


@contextlib.contextmanager
def sole_run(folder: str | os.PathLike, *, command: str = "") -> Iterator[None]:
    """No other process is inside this block with the same folder, which is made if absent.

    The lock goes with the process, however that ends. Where the system has no such locks
    nothing is checked.

    Args:
        folder: the run folder.
        command: what is told to another process that wants the folder.

    Raises:
        ValueError: if another process is inside; the message names it.
    """
    folder = Path(folder)
    make_run_folder(folder)
    with open(folder / "lock", "a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ValueError(
                    f"{folder} should be used by one run at a time. Received a folder in which "
                    f"{_told(file.read())} is at work: wait for it, or choose another."
                ) from None
            file.truncate(0)
            about = {
                "process": os.getpid(),
                "machine": platform.node(),
                "since": time.strftime("%Y-%m-%d %H:%M:%S"),
                "command": command,
            }
            json.dump(about, file)
            file.flush()
        yield


def _told(text: str) -> str:
    """Who holds the lock, from what was written there."""
    try:
        about = json.loads(text)
        command = f", `{about['command']}`" if about["command"] else ""
        return f"process {about['process']} on {about['machine']} (since {about['since']}{command})"
    except (ValueError, KeyError, TypeError):  # it has not written yet
        return "another process"
