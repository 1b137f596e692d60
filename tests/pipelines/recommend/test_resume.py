"""A run that is killed and resumed gives the report of a run that was not."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

TINY = (
    "--embedding-dim 8 --batch-size 64 --epsilon 0.1 --autoencoder-epsilon 0.1 "
    "--autoencoder-epochs 4 "
    "--autoencoder-dim 8 --ranking-epochs 2 --generated-min-history 10"
).split()
TIMES = ("seconds", "users_per_second")


def start(name, table, run_dir, *arguments):
    command = [sys.executable, "-m", "advrec_tf", name, "--data", str(table), "--verbose"]
    command += ["--time-column", "time", "--out", str(run_dir), *arguments]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def finished(process):
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output[-3000:]
    return output


def without_times(report):
    if isinstance(report, dict):
        return {k: without_times(v) for k, v in report.items() if k not in TIMES}
    return [without_times(v) for v in report] if isinstance(report, list) else report


@pytest.fixture(scope="module")
def table(tiny_world, tmp_path_factory):
    import pandas as pd

    path = tmp_path_factory.mktemp("data") / "events.csv"
    columns = {
        "user_id": tiny_world.users.ids[tiny_world.user_index],
        "item_id": tiny_world.items.ids[tiny_world.item_index],
        "time": tiny_world.timestamp.astype(int),
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def kill_when(process, there_is, seconds=300):
    deadline = time.monotonic() + seconds
    while not there_is():
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < deadline, "nothing to interrupt"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def assert_killed_equals_unbroken(name, table, folder, arguments, victim):
    finished(start(name, table, folder / "unbroken", *arguments))
    broken = folder / "broken"
    process = start(name, table, broken, *arguments)
    kill_when(process, lambda: list(broken.glob(f"stages/{victim}.checkpoint.npz")))
    assert not (broken / "report.json").exists()
    output = finished(start(name, table, broken, *arguments, "--resume"))
    assert "continues after epoch" in output
    reports = [
        without_times(json.loads((folder / run / "report.json").read_text()))
        for run in ("unbroken", "broken")
    ]
    assert reports[0] == reports[1]


@pytest.mark.slow
def test_a_tower_killed_inside_its_training_ends_as_if_it_had_not_been(table, tmp_path):
    arguments = "--model two_tower --adversary none --no-refit --epochs 30 --patience 30".split()
    assert_killed_equals_unbroken("train", table, tmp_path, arguments, "two_tower")


@pytest.mark.slow
def test_a_whole_job_killed_in_the_middle_ends_as_if_it_had_not_been(table, tmp_path):
    arguments = [*TINY, "--epochs", "8", "--patience", "8", "--gan-epochs", "4"]
    assert_killed_equals_unbroken("compare", table, tmp_path, arguments, "cold-tower+perturbed-0")
