"""Processes of this machine that work together: started, listened to, and ended together."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

_PATIENCE = 10.0
"""Seconds that a process has to end by itself before it is killed."""
_LIVES = 3
"""Times that a process which a signal killed is started again, where it is at all."""


def run_together(
    command: Sequence[str],
    environments: Mapping[str, Mapping[str, str]],
    say: Callable[[str], None] = print,
    *,
    chief: str | None = None,
    again: Collection[str] = (),
) -> int:
    """Run the command once for each name, with its environment added to that of this process.

    Each line of their output is said after the name of the process. When one of them fails, the
    others are ended; so they are when this function is left by an exception or a SIGTERM.

    Args:
        command: what each runs.
        environments: name of a process -> what its environment has beside this one's.
        say: takes a line.
        chief: whose end ends the others, however it ends; by default nobody's.
        again: those that are started again when a signal killed them, `_LIVES` times in all.

    Returns:
        0 where all ended well, else the exit status of the first that failed, 128 + its number for
        a signal, as shells have it.
    """
    lines: queue.Queue[tuple[str, str | None]] = queue.Queue()
    running: dict[str, subprocess.Popen] = {}
    lives = dict.fromkeys(again, _LIVES)

    def start(name: str) -> None:
        running[name] = process = subprocess.Popen(
            command,
            env={**os.environ, **environments[name]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=_listen, args=(name, process, lines), daemon=True).start()

    with _terminated_as_asked(), _ended_at_last(running):
        for name in environments:
            start(name)
        left, status, ending = len(running), 0, False
        while left:
            name, line = lines.get()
            if line is not None:
                say(f"[{name}] {line}")
                continue
            code = running[name].wait()
            found = 128 - code if code < 0 else code
            if code < 0 and not ending and lives.get(name):
                lives[name] -= 1
                say(f"[{name}] ended with status {found}; it is started again.")
                start(name)
                continue
            left -= 1
            if ending or not (code or name == chief):
                continue
            ending, status = True, found
            if status:
                say(f"[{name}] ended with status {status}; the others are ended.")
            for other in running.values():
                other.terminate()
        return status


def _listen(name: str, process: subprocess.Popen, lines: queue.Queue) -> None:
    """Every line of a process, and None at its end."""
    for line in process.stdout:
        lines.put((name, line.rstrip("\n")))
    lines.put((name, None))


@contextlib.contextmanager
def _ended_at_last(running: Mapping[str, subprocess.Popen]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def _terminated_as_asked() -> Iterator[None]:
    """A SIGTERM to this process leaves the block by `SystemExit`, so that none is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
