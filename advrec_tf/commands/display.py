"""What a command shows of a run: a live line in a terminal, plain lines in a pipe, and a log file.

It listens to the logger `advrec_tf`. A record of a stage (see `pipelines.progress`) is shown and
counted, lines of epochs are shown in the live line, or all of them with --verbose; the log file
`run.log` in the folder of the run has everything, with times.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

LOGGER = logging.getLogger("advrec_tf")
LOG_FILE = "run.log"
_EARLY: list[str] = []
"""The warnings inside `shown` that no log file has yet."""


@contextlib.contextmanager
def shown(
    *, quiet: bool = False, verbose: bool = False, told: Callable[[str], str] = str
) -> Iterator[None]:
    """Show the lines of the run inside the block on the standard output, and a Python warning, such
    as a function gives, as one line on the standard error, once.

    Args:
        quiet: show warnings only.
        verbose: show a line an epoch.
        told: a sentence of a function -> as a user of the command knows it.
    """
    level = logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO
    if sys.stdout.isatty() and not quiet and not verbose:
        handler: logging.Handler = LiveHandler()
    else:
        handler = logging.StreamHandler(sys.stdout)
        handler.setLevel(level)
    handler.addFilter(functools.partial(_retell, told=told))
    before, handlers = (LOGGER.level, LOGGER.propagate), list(LOGGER.handlers)
    LOGGER.setLevel(logging.DEBUG)
    LOGGER.propagate = False  # a library that configures the root would show each line again
    LOGGER.addHandler(handler)
    format_before, warnings.formatwarning = warnings.formatwarning, _warned(told)
    try:
        yield
    finally:
        _EARLY.clear()
        warnings.formatwarning = format_before
        LOGGER.setLevel(before[0])
        LOGGER.propagate = before[1]
        for added in [handler for handler in LOGGER.handlers if handler not in handlers]:
            LOGGER.removeHandler(added)
            added.close()


def _retell(record: logging.LogRecord, told: Callable[[str], str]) -> bool:
    line = record.getMessage()
    if "`" in line or '="' in line:
        record.msg, record.args = told(line), None
    return True


def _warned(told: Callable[[str], str]) -> Callable[..., str]:
    """What `warnings.formatwarning` is inside `shown`."""
    said: set[str] = set()

    def line_of(message, category, filename, lineno, line=None) -> str:
        text = " ".join(told(str(message)).split())
        if text in said:
            return ""
        said.add(text)
        if files := [one for one in LOGGER.handlers if isinstance(one, logging.FileHandler)]:
            _keep(text, files)
        else:
            _EARLY.append(text)
        return f"Warning: {text}\n"

    return line_of


def _keep(text: str, files: Iterable[logging.Handler]) -> None:
    """Write a warning to log files, and to nothing else: it is on the standard error already."""
    record = LOGGER.makeRecord(LOGGER.name, logging.WARNING, "", 0, text, (), None)
    for handler in files:
        handler.handle(record)


def keep_log(folder: Path) -> None:
    """Inside `shown`, write every line from now on to `run.log` in the folder as well, after what
    is there, and the warnings that came before."""
    handler = logging.FileHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    LOGGER.addHandler(handler)
    while _EARLY:
        _keep(_EARLY.pop(0), [handler])


def ask(question: str) -> str:
    """What the user types after a question; the live line makes room for it."""
    live = [handler for handler in LOGGER.handlers if isinstance(handler, LiveHandler)]
    for handler in live:
        handler.pause()
    try:
        return input(question)
    finally:
        for handler in live:
            handler.go_on()


class LiveHandler(logging.Handler):
    """Lines of stages, and below them one line that changes: stage, epoch, time left."""

    def __init__(self, console=None):
        super().__init__(logging.DEBUG)
        from rich.console import Console
        from rich.status import Status

        self._console = Console() if console is None else console
        self._status = Status("The run begins.", console=self._console)
        self._status.start()
        self._done, self._ahead, self._started = 0, 0, time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        self._ahead = getattr(record, "stages", self._ahead)
        self._done += getattr(record, "stage", False)
        if record.levelno > logging.DEBUG:
            self._console.print(line, markup=False, highlight=False)
        if self._ahead and self._done >= self._ahead:
            self._status.stop()  # what follows is the result, on a terminal as it is
            return
        self._status.update(self._where(line.strip() if record.levelno == logging.DEBUG else ""))

    def pause(self) -> None:
        """Take the live line away until `go_on`."""
        self._status.stop()

    def go_on(self) -> None:
        self._status.start()

    def close(self) -> None:
        self._status.stop()
        super().close()

    def _where(self, detail: str) -> str:
        from rich.markup import escape

        parts = []
        if self._ahead:
            parts.append(f"stage {min(self._done + 1, self._ahead)} of {self._ahead}")
            if self._done:
                passed = time.monotonic() - self._started
                left = passed / self._done * (self._ahead - self._done)
                parts.append(f"about {_duration(left)} left")
        return " · ".join([*parts, escape(detail)] if detail else parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
