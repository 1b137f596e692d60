"""Processes that are started and ended together."""

import os
import signal
import subprocess
import sys
import time

import pytest

from advrec_tf.pipelines.launching import run_together

SAY = "import os; print('I am', os.environ['NAME'])"
ONE_FAILS = """
import os, sys, time
if os.environ["NAME"] == "b":
    sys.exit(7)
time.sleep(60)
"""


def together(code, *names, **more):
    said = []
    environments = {name: {"NAME": name} for name in names}
    return run_together([sys.executable, "-c", code], environments, said.append, **more), said


def test_each_line_is_said_after_the_name_of_its_process():
    status, said = together(SAY, "a", "b")
    assert status == 0 and sorted(said) == ["[a] I am a", "[b] I am b"]


def test_when_one_fails_the_others_are_ended_and_its_status_returned():
    started = time.monotonic()
    status, said = together(ONE_FAILS, "a", "b")
    assert status == 7 and time.monotonic() - started < 30
    assert said == ["[b] ended with status 7; the others are ended."]


def test_a_signal_has_the_status_that_shells_give_it():
    status, _ = together("import os; os.kill(os.getpid(), 9)", "a")
    assert status == 137


def test_the_end_of_the_chief_is_the_end_of_all():
    code = "import os, time; time.sleep(0 if os.environ['NAME'] == 'chief' else 60)"
    started = time.monotonic()
    assert together(code, "a", "chief", chief="chief") == (0, [])
    assert time.monotonic() - started < 30


def test_a_killed_worker_is_started_again_and_others_are_not(tmp_path):
    code = f"""
import os, pathlib, time
lives = [pathlib.Path({str(tmp_path)!r}, name) for name in ("first", "second")]
if os.environ["NAME"] == "chief":
    while not lives[1].exists():
        time.sleep(0.01)
elif lives[0].exists():
    lives[1].touch()
    time.sleep(60)
else:
    lives[0].touch()
    os.kill(os.getpid(), 9)
"""
    said = ["[a] ended with status 137; it is started again."]
    assert together(code, "a", "chief", chief="chief", again=["a"]) == (0, said)
    always = "import os; os.kill(os.getpid(), 9)"
    status, said = together(always, "a", again=["a"])
    assert status == 137 and len(said) == 4 and said[-1].endswith("the others are ended.")


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or os.name == "nt", reason="signals of Unix")
def test_none_is_left_behind_where_the_launcher_is_ended():
    inner = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = (
        "import sys; from advrec_tf.pipelines.launching import run_together\n"
        f"run_together([sys.executable, '-c', {inner!r}], {{'a': {{}}}}, "
        "lambda line: print(line, flush=True))"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(launcher.stdout.readline().split("] ")[1])
    launcher.terminate()
    assert launcher.wait(30) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
