"""Runs that are killed, damaged or doubled: the report of an unbroken run, or a clear refusal.

The job here is stages of NumPy, so that many runs fit into a test; `recommend/test_resume.py` does
the same with trainings.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

JOB = """
import json, sys, time
from pathlib import Path
import numpy as np
from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines.ending import guarded, hold
from advrec_tf.pipelines.stages import StageResult, StageStore

def stage(number, path):
    def compute(checkpoint):
        for step in range(4):
            checkpoint.write_bytes(b"step")
            time.sleep(float(sys.argv[2]))
        values = np.random.default_rng(number).normal(size=20_000)
        return StageResult({"mean": float(values.mean())}, {"values": values})
    return compute

@guarded
def main():
    run_dir = Path(sys.argv[1])
    resume = "--resume" in sys.argv
    hold(run_dir, resume=resume)
    store = StageStore(run_dir, {"job": "numbers", "settings": {"stages": 5}}, resume=resume)
    done = [store.run(f"stage-{n}", stage(n, run_dir)) for n in range(5)]
    report = [[r.summary["mean"], float(r.arrays["values"].sum())] for r in done]
    atomic_bytes(run_dir / "report.json", json.dumps(report), overwrite=True)

main()
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    script = tmp_path_factory.mktemp("job") / "job.py"
    script.write_text(JOB)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def run(folder, *words, pause=0.002):
        return subprocess.Popen(
            [sys.executable, str(script), str(folder), str(pause), "--run-dir", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    return run


def ended(process):
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert ended(start(folder)) == (0, "")
    return folder


def report(folder):
    return json.loads((folder / "report.json").read_text())


def wait_for(process, folder):
    """Until the process holds the folder."""
    lock, deadline = folder / "lock", time.monotonic() + 30
    while not (lock.exists() and f'"process": {process.pid},' in lock.read_text()):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)


def broken_at(start, folder, moments, sign):
    """A run that gets the signal at each of the moments, seconds after it began."""
    codes = []
    for moment in moments:
        process = start(folder, *(["--resume"] if codes else []), pause=0.02)
        wait_for(process, folder)
        time.sleep(moment)
        process.send_signal(sign)
        codes.append(ended(process)[0])
    return codes


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in (2, 3, 4, 5))]
)
def test_a_run_killed_at_random_moments_gives_the_report_of_an_unbroken_one(
    start, whole, tmp_path, seed
):
    rng = random.Random(seed)
    moments = [rng.uniform(0.0, 0.5) for _ in range(4)]
    codes = broken_at(start, tmp_path / "run", moments, signal.SIGKILL)
    assert -signal.SIGKILL in codes
    code, said = ended(start(tmp_path / "run", "--resume"))
    assert code == 0, said
    assert report(tmp_path / "run") == report(whole)
    assert not list((tmp_path / "run").rglob(".*unfinished*"))


def test_ctrl_c_at_random_moments_ends_with_130_and_loses_nothing(start, whole, tmp_path):
    rng = random.Random(5)
    moments = [rng.uniform(0.0, 0.3) for _ in range(2)]
    codes = broken_at(start, tmp_path / "run", moments, signal.SIGINT)
    assert codes == [130, 130]
    assert ended(start(tmp_path / "run", "--resume"))[0] == 0
    assert report(tmp_path / "run") == report(whole)


def test_a_second_run_in_the_folder_is_refused_with_the_process_that_is_there(start, tmp_path):
    first = start(tmp_path / "run", pause=0.05)
    wait_for(first, tmp_path / "run")
    code, said = ended(start(tmp_path / "run", "--resume"))
    assert ended(first)[0] == 0
    assert code == 1 and f"process {first.pid}" in said and "one run at a time" in said
    assert len(said.splitlines()) == 1


def test_random_damage_to_any_file_of_a_run_is_refused_by_its_name_or_does_nothing(
    start, whole, tmp_path
):
    rng, unbroken = random.Random(7), report(whole)
    files = [whole / "run.json", *sorted((whole / "stages").glob("*.npz"))]
    for trial in range(4):
        file = files[rng.randrange(len(files))] if trial else files[0]
        content = file.read_bytes()
        changed = bytearray(content)
        place = rng.randrange(len(changed))
        if trial % 2:
            del changed[place:]
        else:
            changed[place] = 0
        file.write_bytes(bytes(changed))
        try:
            code, said = ended(start(whole, "--resume"))
        finally:
            file.write_bytes(content)
        if code or trial % 2:
            assert code == 1 and str(file) in said and len(said.splitlines()) == 1, said
        else:  # the byte was no part of the content
            assert report(whole) == unbroken
