from pathlib import Path

import pytest

from advrec_tf._keras import keras
from experiments.speed import devices
from experiments.speed.device_jobs import JOBS, Sizes, measure

TINY = {"items": 60, "users": 64, "interactions": 600, "batch_size": 32, "steps": 2}


@pytest.fixture(autouse=True)
def single_precision():
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("job", ["full ranking", "served lists, exact"])
def test_a_job_is_timed_after_its_first_epoch(job):
    (found,) = measure(Sizes(job=job, **TINY))
    assert found["precision"] == "float32" and found["first_seconds"] > 0
    # A step is up to 256 of the users who have a test item, or a request of 64.
    examples = {"served lists, exact": 128}.get(job)
    a_epoch = found["examples_per_second"] * 2e-3 * found["milliseconds_per_step"]
    assert a_epoch == pytest.approx(examples) if examples else 0 < a_epoch <= 64


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_every_job_runs_in_every_precision_it_states(job):
    found = measure(Sizes(job=job, **TINY))
    assert [one["precision"] for one in found] == [*JOBS[job][1]]
    assert all(one["examples_per_second"] > 0 for one in found)


def test_the_page_names_the_gpu_or_its_absence_and_what_failed():
    cell = {"job": "GAN pair", "precision": "float32", **TINY}
    speed = {"first_seconds": 3.0, "milliseconds_per_step": 1.5, "examples_per_second": 21333.0}
    report = {
        "name": "box",
        "command": "python it",
        "accelerators": [],
        "machine": {"cores": 2},
        "sizes": TINY,
        "cells": [cell | speed, cell | {"precision": "", "error": "ResourceExhausted: no memory"}],
    }
    text = devices.markdown(report, Path("speed-box.md"))
    assert "There was no GPU." in text
    assert "| GAN pair | float32 | 1.50 | 21,333 | 3.0 |  |  |" in text
    assert "| ResourceExhausted: no memory |" in text
    assert "GPUs: A, B." in devices.markdown(report | {"accelerators": ["A", "B"]}, Path("x.md"))


def test_a_job_that_dies_leaves_the_others_their_turn(monkeypatch, tmp_path, capsys):
    def apart(function, argument, what):
        if function is devices.accelerators:
            return []
        if argument.job == "GAN pair":
            raise MemoryError("The process that measured GAN pair died.")
        speed = {"milliseconds_per_step": 1.0, "examples_per_second": 5.0, "first_seconds": 1.0}
        return [{"job": argument.job, "precision": "float32", **speed}]

    monkeypatch.setattr(devices, "in_own_process", apart)
    devices.main(["--jobs", "GAN pair", "full ranking", "--name", "box", "--out", str(tmp_path)])
    text = (tmp_path / "speed-box.md").read_text()
    assert "MemoryError: The process that measured GAN pair died." in text
    assert "| full ranking | float32 | 1.00 | 5 |" in text


def test_an_unknown_job_is_refused(capsys):
    with pytest.raises(SystemExit):
        devices.main(["--jobs", "towers"])
    assert "--jobs should be of two-tower, " in capsys.readouterr().err
