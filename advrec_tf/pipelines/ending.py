"""How a command ends: by its result, by one sentence about a mistake, or by Ctrl-C at any moment.

Importing it is quick: no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

READER_GONE = 141
"""The exit code where nobody reads the output any more, as after `| head`, as shells have it."""

UNHEALTHY = 3
"""The exit code of a command whose training was not healthy, where that is asked for."""

until_the_end = contextlib.ExitStack()
"""What a command holds until it ends, such as the lock of its run folder; `guarded` closes it."""

_AGAIN_AFTER = 2.0
_AT_LAST_AFTER = 20.0
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def guarded(main: Callable) -> Callable:
    """A command's `main` whose user mistakes end in one line instead of a traceback.

    Ctrl-C ends it with the exit code 130, wherever it falls. With ADVREC_TRACEBACK=1 in the
    environment the traceback of a mistake is shown. Where the reader of the output has gone, as
    `| head` does, it ends with the exit code 141 without a word.
    """

    @functools.wraps(main)
    def run(*args, **kwargs):
        with until_the_end, _Interrupts() as interrupts:
            try:
                result = main(*args, **kwargs)
                sys.stdout.flush()
                return result
            except KeyboardInterrupt:
                raise _stopped() from None
            except BrokenPipeError:
                _forget_output()
                raise SystemExit(READER_GONE) from None
            except Exception as error:
                if interrupts.asked:  # a library made another error of it
                    raise _stopped() from None
                full = disk_is_full(error)
                mistake = isinstance(error, (ValueError, OSError, ImportError, FloatingPointError))
                if os.environ.get("ADVREC_TRACEBACK") == "1" or not (mistake or full):
                    raise
                told = f"The disk is full ({error}). {_way_on()}" if full else _with_kept(error)
                raise SystemExit(f"Error: {told}") from None

    return run


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that there is no room for a file.

    TensorFlow says it in an error of its own, which has no number.
    """
    while error is not None:
        if getattr(error, "errno", None) in _FULL or os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def hold(folder: str | os.PathLike, *, resume: bool, say: Callable[[str], None] = print) -> None:
    """From now on until the command ends a run folder is its alone; made if absent.

    It is said where there is nothing to resume, since the folder may be misspelt. What a run that
    was killed left half written is removed.

    Raises:
        ValueError: if another process holds it; the message names it.
    """
    from advrec_tf.ops.files import remove_unfinished
    from advrec_tf.pipelines.run_lock import sole_run
    from advrec_tf.pipelines.stages import nothing_to_resume

    if resume and (said := nothing_to_resume(folder)):
        say(said)
    until_the_end.enter_context(sole_run(folder, command=command_line()))
    remove_unfinished(folder)
    until_the_end.enter_context(_held(Path(folder)))


def conclude(verdicts: Mapping[str, str], *, fail: bool) -> None:
    """The end of a command that trained: what was not healthy is said.

    Args:
        verdicts: stage -> what its training showed, of `StageStore.verdicts`.
        fail: whether the command then ends with the exit code `UNHEALTHY`.
    """
    from advrec_tf.gan.health import is_healthy

    unhealthy = {stage: said for stage, said in verdicts.items() if not is_healthy(said)}
    if not unhealthy:
        return
    print(f"\n{len(unhealthy)} of {len(verdicts)} trainings were not healthy:")
    for stage, said in unhealthy.items():
        print(f"  {stage}: {said}")
    if fail:
        raise SystemExit(UNHEALTHY)


def command_line() -> str:
    """The command as it was given, without what is said of this machine's folders; and without
    --resume, which gives what an unbroken run gives."""
    program, *arguments = sys.argv
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if Path(program).name == "advrec":
        parts = ["advrec"]
    elif module is not None and program == module.origin:
        parts = ["python", "-m", module.name.removesuffix(".__main__")]
    else:
        parts = ["python", program]
    command = shlex.join([*parts, *(part for part in arguments if part != "--resume")])
    root = os.environ.get("ADVREC_DATA")
    return command.replace(root.rstrip("/"), "$ADVREC_DATA") if root else command


@dataclasses.dataclass(frozen=True)
class _Held:
    """A run folder, the command of its run, and the stages that were done at first."""

    folder: Path
    command: str
    done: int


_runs: list[_Held] = []


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    _runs.append(_Held(folder, command_line(), _stages_in(folder)))
    try:
        yield
    finally:
        _runs.pop()


def _stages_in(folder: Path) -> int:
    """Stages that are done in a run folder, those of its parts included."""
    return sum(1 for pattern in ("stages", "*/stages") for _ in folder.glob(f"{pattern}/*.npz"))


def _with_kept(error: BaseException) -> str:
    """What an error says and, where stages were done before it, what becomes of them."""
    if not _runs or _stages_in(_runs[-1].folder) <= _runs[-1].done:
        return str(error)
    return (
        f"{error}\nWhat was done before is kept in {_runs[-1].folder}: --resume goes on from there "
        "with the same data and settings; another run needs another folder."
    )


def _way_on() -> str:
    if not _runs:
        return "Nothing is left half written."
    from advrec_tf.pipelines.stages import holds_run

    if not holds_run(_runs[-1].folder):
        return f"Nothing was done yet that could be kept. Start again with: {_runs[-1].command}"
    return f"What is done is kept. Continue with: {_runs[-1].command} --resume"


def _stopped() -> SystemExit:
    print(f"Stopped. {_way_on()}", file=sys.stderr)
    return SystemExit(INTERRUPTED)


def _forget_output() -> None:
    """What is still to be written to the standard output goes nowhere, so that Python does not
    complain of it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Interrupts:
    """Within the block Ctrl-C is raised again until the block is left.

    Python drops an exception that falls into a finalizer or into some callbacks of libraries, so
    that once is not enough; and a long call in C sees none at all. After `_AT_LAST_AFTER` seconds
    the process ends as it is, which loses no more than a kill does: files appear whole or not.

    Attributes:
        asked: whether Ctrl-C was pressed.
    """

    def __init__(self):
        self.asked = False
        self._left = threading.Event()
        self._before = None

    def __enter__(self) -> _Interrupts:
        own = threading.current_thread() is threading.main_thread()
        if own and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_) -> None:
        self._left.set()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _stop(self, number, frame) -> None:
        if not self.asked:
            self.asked = True
            threading.Thread(target=self._insist, daemon=True).start()
        raise KeyboardInterrupt

    def _insist(self) -> None:
        waited = 0.0
        while waited < _AT_LAST_AFTER:
            if self._left.wait(_AGAIN_AFTER):
                return
            waited += _AGAIN_AFTER
            if hasattr(signal, "pthread_kill"):  # this one ends a wait in the system, too
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            else:
                signal.raise_signal(signal.SIGINT)
        if not self._left.wait(_AGAIN_AFTER):
            _stopped()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
