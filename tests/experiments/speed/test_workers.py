import json

import pytest

from experiments.speed import workers

TINY = "--users 300 --interactions 3000 --items 200 --batch-sizes 64 --dim 4".split()


def measured(speed, processor, exchanged=None):
    return {
        "examples_per_second": speed,
        "processor_seconds": processor,
        "exchanged_bytes": exchanged,
    }


def test_the_page_holds_two_workers_against_the_faster_of_one():
    row = {
        "items": 10_000,
        "batch_size": 1_024,
        "one": measured(1_000.0, 0.02),
        "one, XLA": measured(2_000.0, 0.01, 0.0),
        "two": measured(3_000.0, 0.008, 250_000.0),
        "apart": 3e-7,
    }
    text = workers.markdown({"command": "python", "about": {"dim": 64}, "rows": [row]}, None)
    line = "| 10,000 | 1,024 | 1,000 | 2,000 | 3,000 | 1.50 | 20.0 | 10.0 | 8.0 | 250 | 3.0e-07 |"
    assert line in text
    unknown = row | {"two": measured(3_000.0, 0.008)}
    assert workers.cells_of(unknown)[-2:] == ["", "3.0e-07"]


@pytest.mark.slow
def test_two_processes_train_as_one_and_say_how_fast(tmp_path):
    core = min(workers.os.sched_getaffinity(0))
    cores = ["--cores", str(core), str(core)]
    workers.main([*TINY, *cores, "--steps", "2", "--epochs", "1", "--out", str(tmp_path)])
    (row,) = json.loads((tmp_path / "speed-workers.json").read_text())["rows"]
    assert row["apart"] < 1e-5
    assert all(row[name]["examples_per_second"] > 0 for name in workers.WAYS)


@pytest.mark.slow
def test_a_worker_that_fails_is_an_error_with_what_it_said():
    settings = {"items": 0, "weights": None}
    with pytest.raises(ValueError, match="(?s)A worker should end well. It said: .*KeyError"):
        workers.ran(1, settings, [min(workers.os.sched_getaffinity(0))])
