import contextlib
import errno
import io
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from advrec_tf.pipelines import ending
from advrec_tf.pipelines.stages import StageResult, StageStore


def test_a_users_mistake_ends_in_one_line(monkeypatch):
    def main():
        raise ValueError("`x` should be 1. Received: 2.")

    with pytest.raises(SystemExit) as stop:
        ending.guarded(main)()
    assert str(stop.value) == "Error: `x` should be 1. Received: 2."
    monkeypatch.setenv("ADVREC_TRACEBACK", "1")
    with pytest.raises(ValueError):
        ending.guarded(main)()


def test_the_recorded_command_names_the_data_folder_by_its_variable(monkeypatch):
    monkeypatch.setenv("ADVREC_DATA", "/some/where")
    words = ["train", "--data", "/some/where/ml-100k", "--resume"]
    monkeypatch.setattr("sys.argv", ["/usr/bin/advrec", *words])
    assert ending.command_line() == "advrec train --data $ADVREC_DATA/ml-100k"
    monkeypatch.setattr("sys.argv", ["scripts/x.py", *words])
    assert ending.command_line() == "python scripts/x.py train --data $ADVREC_DATA/ml-100k"


def test_a_command_that_is_a_module_is_given_by_its_name(monkeypatch):
    spec = types.SimpleNamespace(name="experiments.x.__main__", origin="/some/where/x/__main__.py")
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(__spec__=spec))
    monkeypatch.setattr("sys.argv", ["/some/where/x/__main__.py", "--seeds", "1", "--resume"])
    assert ending.command_line() == "python -m experiments.x --seeds 1"


def test_a_full_disk_is_said_in_one_sentence_with_the_way_on(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["/usr/bin/advrec", "train", "--out", "runs/a", "--resume"])

    def main():
        ending.hold(tmp_path, resume=False)
        StageStore(tmp_path, {}).claim()
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "runs/a/report.json")
        except OSError as error:
            raise RuntimeError("the writer failed") from error

    with pytest.raises(SystemExit) as stop:
        ending.guarded(main)()
    assert str(stop.value) == (
        "Error: The disk is full (the writer failed). What is done is kept. Continue with: "
        "advrec train --out runs/a --resume"
    )


def test_a_mistake_after_stages_were_done_says_that_they_are_kept(tmp_path):
    def main(stages):
        ending.hold(tmp_path, resume=True, say=lambda line: None)
        store = StageStore(tmp_path, {}, resume=True)
        for name in stages:
            store.run(name, lambda _: StageResult({}, {}))
        raise ValueError("`x` should be 1.")

    for stages, kept in ((["a"], True), (["a"], False), (["a", "b"], True)):  # "a" is done once
        with pytest.raises(SystemExit) as stop:
            ending.guarded(main)(stages)
        first, _, rest = str(stop.value).partition("\n")
        assert first == "Error: `x` should be 1."
        assert rest.startswith(f"What was done before is kept in {tmp_path}: --resume") == kept


def test_another_error_is_no_full_disk(monkeypatch):
    def main():
        raise RuntimeError("a fault of the program")

    with pytest.raises(RuntimeError):
        ending.guarded(main)()
    assert ending.disk_is_full(Exception("RESOURCE_EXHAUSTED: x; No space left on device"))


def test_ctrl_c_ends_with_its_exit_code_and_the_way_on(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["scripts/x.py", "--run-dir=runs/a"])
    before = signal.getsignal(signal.SIGINT)

    def main(first_stage):
        ending.hold(tmp_path, resume=False)
        StageStore(tmp_path, {}).run("first", first_stage)

    def cancelled(_):  # as a library makes another error of Ctrl-C
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("cancelled") from None

    def stopped(_):
        signal.raise_signal(signal.SIGINT)

    again = "Nothing was done yet that could be kept. Start again with: "
    for first_stage, way_on, option in (
        (cancelled, again, ""),
        (cancelled, again, ""),  # which the same command indeed does
        (stopped, "What is done is kept. Continue with: ", " --resume"),
    ):
        with pytest.raises(SystemExit) as stop:
            ending.guarded(main)(first_stage)
        assert stop.value.code == 130
        said = capsys.readouterr().err
        assert said == f"Stopped. {way_on}python scripts/x.py --run-dir=runs/a{option}\n"
    with pytest.raises(FileExistsError, match="Continue it with --resume"):
        StageStore(tmp_path, {})
    StageStore(tmp_path, {}, resume=True)
    assert signal.getsignal(signal.SIGINT) is before


class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)  # here Python drops the KeyboardInterrupt


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_that_a_finalizer_swallows_ends_the_command_all_the_same(monkeypatch):
    monkeypatch.setattr(ending, "_AGAIN_AFTER", 0.05)
    went_on = []

    def main():
        Finalized()
        went_on.append("after the finalizer")
        time.sleep(60)

    started = time.monotonic()
    with pytest.raises(SystemExit) as stop:
        ending.guarded(main)()
    assert went_on and stop.value.code == 130 and time.monotonic() - started < 30


def test_ctrl_c_that_a_library_turns_into_an_error_is_still_ctrl_c():
    def main():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("cancelled") from None

    with pytest.raises(SystemExit) as stop:
        ending.guarded(main)()
    assert stop.value.code == 130


DEAF = """
import signal, time
from advrec_tf.pipelines import ending
from advrec_tf.pipelines.stages import StageResult, StageStore

ending._AGAIN_AFTER, ending._AT_LAST_AFTER = 0.05, 0.2

@ending.guarded
def main():
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                pass

main()
"""


def test_ctrl_c_ends_a_process_that_does_not_hear_it():
    environment = {**os.environ, "PYTHONPATH": str(Path(ending.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", DEAF], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 130
    assert done.stderr.strip() == "Stopped. Nothing is left half written."


def test_what_a_command_holds_is_let_go_at_its_end():
    held = []

    def main():
        held.append(ending.until_the_end.enter_context(io.StringIO()))
        raise ValueError("a mistake")

    with pytest.raises(SystemExit):
        ending.guarded(main)()
    assert held[0].closed


@pytest.mark.parametrize("fail", [False, True])
def test_an_unhealthy_training_is_printed_and_ends_the_command_as_asked(fail, capsys):
    ending.conclude({"tower": "healthy", "gan": "no collapse, no divergence"}, fail=fail)
    assert capsys.readouterr().out == ""
    verdicts = {"tower": "healthy", "gan": "collapsed: The generator collapsed."}
    with pytest.raises(SystemExit) if fail else contextlib.nullcontext() as stop:
        ending.conclude(verdicts, fail=fail)
    assert not fail or stop.value.code == 3
    said = capsys.readouterr().out
    assert "1 of 2 trainings were not healthy:\n  gan: collapsed: The generator" in said


def test_a_run_folder_is_the_commands_alone_until_it_ends(tmp_path):
    pytest.importorskip("fcntl")
    folder = tmp_path / "run"

    @ending.guarded
    def main():
        ending.hold(folder, resume=False)
        StageStore(folder, {}).claim()
        with pytest.raises(ValueError, match="one run at a time"):
            ending.hold(folder, resume=False)

    main()
    (folder / ".x.unfinished-1.npz").write_bytes(b"of a run that was killed")
    ending.guarded(lambda: ending.hold(folder, resume=True))()
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "run.json", "stages"]


def test_nothing_to_resume_is_said(tmp_path):
    lines = []
    for _ in range(2):
        ending.guarded(lambda: ending.hold(tmp_path / "new", resume=True, say=lines.append))()
        StageStore(tmp_path / "new", {}, resume=True).claim()
    assert len(lines) == 1 and "new holds no run to resume" in lines[0]


def test_a_reader_that_has_gone_ends_a_command_without_a_word():
    code = (
        "from advrec_tf.pipelines.ending import guarded\n"
        "guarded(lambda: [print('x' * 1000) for _ in range(1000)])()"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), said) == (ending.READER_GONE, b"")
