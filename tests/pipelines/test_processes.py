import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advrec_tf.pipelines.processes import in_order

RUN = """
import functools, os, sys, time
from pathlib import Path
from advrec_tf.pipelines.processes import in_order

def wait(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(300)

if __name__ == "__main__":
    in_order({"a": set()}, lambda label: functools.partial(wait, sys.argv[1]), print, 1)
"""


def test_a_call_waits_for_what_it_requires_and_is_told_what_that_gave():
    results = {}
    failed = in_order(
        {"sum": {"one", "two"}, "two": {"one"}, "one": set()},
        lambda label: functools.partial(sum, [*results.values(), 1]),
        results.__setitem__,
        0,
    )
    assert not failed and list(results.items()) == [("one", 1), ("two", 2), ("sum", 4)]


def test_what_requires_a_failed_call_is_named_with_its_reason():
    failed = in_order(
        {"good": set(), "bad": set(), "after": {"bad", "good"}},
        lambda label: functools.partial(divmod, 1, label != "bad"),
        lambda label, result: None,
        0,
    )
    assert failed["bad"].startswith("ZeroDivisionError")
    assert failed["after"] == "builds on bad" and "good" not in failed


def test_a_killed_run_leaves_no_process_behind(tmp_path):
    script, written = tmp_path / "run.py", tmp_path / "pid"
    script.write_text(RUN)
    root = str(Path(__file__).parents[2])
    run = subprocess.Popen(
        [sys.executable, script, written], env={**os.environ, "PYTHONPATH": root}
    )
    try:
        child = _eventually(lambda: written.exists() and written.read_text())
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    _eventually(lambda: not _alive(int(child)))


def test_ctrl_c_ends_the_processes_that_are_running_and_is_not_waited_for(tmp_path):
    script, written = tmp_path / "run.py", tmp_path / "pid"
    script.write_text(RUN)
    root = str(Path(__file__).parents[2])
    run = subprocess.Popen(
        [sys.executable, script, written],
        env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.PIPE,
        text=True,
    )
    child = _eventually(lambda: written.exists() and written.read_text())
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode != 0 and "KeyboardInterrupt" in said
    _eventually(lambda: not _alive(int(child)))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def _eventually(found, seconds: float = 90.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.1)
    pytest.fail(f"nothing came in {seconds:.0f} s")
