import dataclasses

import pytest

from experiments.speed.cells import Cell


@pytest.fixture
def tiny():
    """Settings of a cell that is measured in a second."""
    return {"items": 30, "users": 20, "interactions": 100, "dim": 2, "batch_size": 16, "epochs": 2}


@pytest.fixture
def measured():
    """Makes the figures of a cell, invented: 10 steps of 512 an epoch."""

    def make(method="bpr+sgd", items=1000, ms=1.0, ranked=100.0, peak=500.0):
        return {
            **dataclasses.asdict(Cell(method=method, items=items)),
            "steps_per_epoch": 10,
            "first_epoch_seconds": 2.0,
            "epoch_seconds": ms / 100,
            "positives_per_second": 512e3 / ms,
            "milliseconds_per_step": ms,
            "evaluated_users_per_second": ranked,
            "peak_megabytes": peak,
            "megabytes_before": 400.0,
            "devices": ["CPU"],
            "process_seconds": 8.0,
        }

    return make


@pytest.fixture(scope="module", autouse=True)
def without_graphs():
    """Not here: graphs are what is timed."""
