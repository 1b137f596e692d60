import dataclasses
import json
import os
import shlex
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from advrec_tf.pipelines.machine import machine
from experiments.speed import beside, cells, report
from experiments.speed.cells import Cell

ROOT = Path(__file__).parents[2]
TINY = {"items": 30, "users": 20, "rows": 100, "dim": 2, "batch_size": 16, "epochs": 2}


def measured(method="bpr+sgd", items=1000, ms=1.0, ranked=100.0, peak=500.0):
    """A cell's figures, invented: 10 steps of 512 an epoch."""
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


# The data.


def test_generated_rows_have_the_asked_for_sizes_and_repeat_for_a_seed():
    first, same, other = (cells.generated_split(50, 40, 500, seed) for seed in (1, 1, 2))
    assert (first.train.num_items, first.train.num_users, len(first.train)) == (50, 40, 500)
    assert first.train.fingerprint() == same.train.fingerprint() != other.train.fingerprint()


def test_generated_items_are_skewed_as_stated():
    # item = n x^2 for a uniform x: below n / 4 where x < 1/2, so half of the rows
    train = cells.generated_split(1000, 100, 40_000, 0).train
    assert (train.item_index < 250).mean() == pytest.approx(0.5, abs=0.02)


def test_no_generated_test_row_is_a_training_row():
    # 20 rows a user on 10 items: most drawn test items are known, and left out
    split = cells.generated_split(10, 50, 1000, 0)
    known = set(zip(split.train.user_index.tolist(), split.train.item_index.tolist()))
    drawn = set(zip(split.test.user_index.tolist(), split.test.item_index.tolist()))
    assert 0 < len(drawn) < 50
    assert not known & drawn


# One cell.


def test_the_first_epoch_is_timed_apart_and_the_median_taken_of_the_others(monkeypatch):
    # epochs of 10, 1, 3 and 2 seconds: first 10, median of the others 2.
    # 100 rows / 16 = 7 steps, in blocks of about 3: 3 blocks of 3, 9 steps, 144 positives
    clock = iter([0, 10, 20, 21, 30, 33, 40, 42])
    monkeypatch.setattr(cells, "time", types.SimpleNamespace(perf_counter=clock.__next__))
    result = cells.measure(Cell(**{**TINY, "epochs": 4}, method="bpr+sgd", block_steps=3))
    assert result["first_epoch_seconds"] == 10
    assert result["epoch_seconds"] == 2
    assert result["steps_per_epoch"] == 9
    assert result["positives_per_second"] == pytest.approx(72)
    assert result["milliseconds_per_step"] == pytest.approx(2000 / 9)
    assert result["evaluated_users_per_second"] > 0
    assert result["peak_megabytes"] >= result["megabytes_before"] > 50
    assert (result["items"], result["users"], result["rows"]) == (30, 20, 100)
    json.dumps(result)


def test_single_steps_are_as_many_as_batches_and_evaluation_can_be_left_out(monkeypatch):
    clock = iter([0, 10, 20, 27])
    monkeypatch.setattr(cells, "time", types.SimpleNamespace(perf_counter=clock.__next__))
    cell = Cell(**TINY, method="bpr+adagrad, single steps", block_steps=3, evaluated_users=0)
    result = cells.measure(cell)
    assert result["steps_per_epoch"] == 7
    assert result["milliseconds_per_step"] == 1000
    assert "evaluated_users_per_second" not in result


@pytest.mark.parametrize("method", ["bpr+lazy_adam", "apr+adagrad", "softmax512+adagrad"])
def test_every_other_method_trains(method):
    assert cells.measure(Cell(**TINY, method=method))["epoch_seconds"] > 0


def test_a_cell_has_a_process_of_its_own():
    cell = Cell(**TINY, method="bpr+adagrad, single steps")
    result = cells.measure_apart(cell)
    assert result["process_seconds"] > result["first_epoch_seconds"] + result["epoch_seconds"]
    assert 0 < result["peak_megabytes"] - result["megabytes_before"] < 500


def _die(cell):
    os._exit(1)


def test_a_process_that_dies_is_told_from_one_that_measures(monkeypatch):
    monkeypatch.setattr(cells, "measure", _die)
    with pytest.raises(MemoryError, match="measured bpr.sgd with 1,000 items died"):
        cells.measure_apart(Cell(method="bpr+sgd"))


def test_the_module_loads_no_tensorflow():
    code = "import sys; from advrec_tf.pipelines import memory; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "bpr"}, "`method` should be one of 'bpr.sgd', .* Received: 'bpr'"),
        ({"epochs": 1}, "`epochs` should be >= 2. Received: 1"),
        ({"items": 1}, "`items` should be >= 2. Received: 1"),
        ({"evaluated_users": -1}, "`evaluated_users` should be >= 0. Received: -1"),
    ],
)
def test_a_cell_that_cannot_be_measured_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Cell(**{"method": "bpr+sgd", **settings})


# All cells.


def test_a_cell_that_dies_leaves_the_others_their_turn():
    def measure(cell):
        if cell.items == 2000:
            raise MemoryError("died")
        return measured(cell.method, cell.items)

    lines = []
    asked = [Cell(method="bpr+sgd", items=items) for items in (1000, 2000, 3000)]
    rows = report.measure_all(asked, write=lines.append, measure=measure)
    assert [row.get("error") for row in rows] == [None, "died", None]
    assert "positives/s 512,000" in lines[0] and lines[1].endswith("died") and len(lines) == 3
    table, _ = report.tables(rows)
    assert table[0][-1] == "failed" and table[2] == ("bpr+sgd", "2,000", *[""] * 7, "died")
    assert [row["ratio"] for row in report.growth(rows)] == [{1000: 1, 3000: 1}] * 3


def test_growth_is_a_multiple_of_the_same_methods_smallest_catalogue():
    rows = [
        measured(items=10_000, ms=3.0, ranked=25, peak=600),
        measured(items=1000, ms=2.0, ranked=100, peak=500),
        measured("apr+adagrad", items=10_000, ms=50.0),
    ]
    assert report.growth(rows) == [
        {"method": "bpr+sgd", "figure": "milliseconds_per_step", "ratio": {1000: 1, 10_000: 1.5}},
        {
            "method": "bpr+sgd",
            "figure": "evaluated_users_per_second",
            "ratio": {1000: 1, 10_000: 0.25},
        },
        {"method": "bpr+sgd", "figure": "peak_megabytes", "ratio": {1000: 1, 10_000: 1.2}},
    ]
    figures, grown = report.tables(rows)
    assert figures[1] == (
        *("bpr+sgd", "10,000", "170,667", "0.030", "3.000", "2.00", "25", "600", "400"),
    )
    assert grown[0] == ("growth", "of", "1,000", "10,000")
    assert grown[1] == ("bpr+sgd", "time of a step", "x1.00", "x1.50")


def test_a_thousandth_is_not_shown_as_nothing():
    rows = [measured(items=1000, ranked=20_000.0), measured(items=10**6, ranked=28.0)]
    assert report.tables(rows)[1][2][-1] == "x0.0014"


def test_what_was_not_measured_has_no_growth():
    rows = [measured(items=items) for items in (1000, 2000)]
    del rows[1]["evaluated_users_per_second"]
    figures = [row["figure"] for row in report.growth(rows)]
    assert figures == ["milliseconds_per_step", "peak_megabytes"]
    assert report.tables(rows)[0][2][6] == ""


def test_columns_stand_under_each_other():
    lines = report.aligned([("a", "longer", "c"), ("long name", "1", "")])
    assert lines == ["a          longer  c", "long name       1"]


# Beside another library.


def command(code):
    return f'{shlex.quote(sys.executable)} -c "{code}"'


def turns(*figures):
    """A stand-in for measuring: the given positives/s, process seconds in turn."""
    left = list(figures)

    def measure(cell):
        rate, seconds = left.pop(0)
        return {"positives_per_second": rate, "process_seconds": seconds}

    return measure


def test_the_ratio_is_the_median_of_the_rounds_rates(tmp_path):
    # against 50 a second: 100, 900, 200 are 2, 18 and 4 times as fast
    found = beside.beside(
        Cell(**TINY, method="bpr+sgd"),
        command("print('noise'); print('positives/s: 5e1')"),
        rounds=3,
        folder=tmp_path,
        measure=turns((100, 1), (900, 1), (200, 1)),
    )
    assert found.unit == "positives/s"
    assert found.times_as_fast == (2, 18, 4) and found.median == 4
    assert (found.ours, found.theirs) == ((100, 900, 200), (50, 50, 50))
    (table,) = report.tables([], [found])
    assert table[1] == (
        *("bpr+sgd", "30", "positives/s", "200.00", "50.00", "x4.00", "x2.00", "x18.00"),
    )


def test_without_a_rate_the_wall_times_of_both_are_compared(tmp_path):
    found = beside.beside(
        Cell(**TINY, method="bpr+sgd"),
        command("import time; time.sleep(.2); '{pairs}'"),
        rounds=1,
        folder=tmp_path,
        measure=turns((7, 0.01)),
    )
    assert found.unit == "seconds" and found.ours == (0.01,)
    assert found.median == pytest.approx(found.theirs[0] / 0.01) and found.median > 20


def test_both_take_turns_on_the_same_rows_without_our_evaluation(tmp_path):
    cell = Cell(**TINY, method="bpr+sgd", seed=3)
    order = tmp_path / "order"

    def measure(given):
        assert given == dataclasses.replace(cell, evaluated_users=0)
        order.open("a").write("ours ")
        return {"positives_per_second": 1.0, "process_seconds": 1.0}

    code = (
        f"import numpy as np; open('{order}', 'a').write('theirs ');"
        "p = np.load('{pairs}'); print('positives/s:', p.sum() + 1000 * {dim} + {epochs})"
    )
    found = beside.beside(cell, command(code), rounds=2, folder=tmp_path, measure=measure)
    assert order.read_text() == "ours theirs ours theirs "
    train = cells.split_of(cell).train
    total = int(np.sum(train.user_index) + np.sum(train.item_index))
    assert found.theirs == (total + 2002,) * 2


@pytest.mark.parametrize(
    ("code", "rounds", "message"),
    [
        ("raise SystemExit('no such thing')", 1, "status 0. Received: 1 from .*no such thing"),
        ("print('positives/s: 0')", 1, "`beside` should print positives/s > 0. Received: 0"),
        ("'trains nothing'", 2, r"should train on the rows in \{pairs\}, or print"),
        ("print('positives/s: 1')", 0, "`rounds` should be >= 1. Received: 0"),
    ],
)
def test_a_command_that_measures_nothing_is_refused(tmp_path, code, rounds, message):
    cell = Cell(**TINY, method="bpr+sgd")
    measure = turns((1, 1))
    with pytest.raises(ValueError, match=message):
        beside.beside(cell, command(code), rounds=rounds, folder=tmp_path, measure=measure)


def test_a_rate_in_some_rounds_only_is_refused(tmp_path):
    seen = tmp_path / "seen"
    code = (
        f"import pathlib; p = pathlib.Path('{seen}');"
        "p.exists() or print('positives/s: 1'); p.touch()"
    )
    with pytest.raises(ValueError, match="in every round or in none. Received 1 in 2 rounds"):
        beside.beside(
            Cell(**TINY, method="bpr+sgd"),
            command(code),
            rounds=2,
            folder=tmp_path,
            measure=turns((1, 1), (1, 1)),
        )


# The report and the script.


def test_a_report_holds_the_figures_the_machine_and_the_command(tmp_path):
    rows = [measured(items=1000, ms=2.0), measured(items=10_000, ms=3.0)]
    where = machine()
    paths = report.write_report(
        tmp_path / "new", rows, [], where=where, command="python -m experiments.speed"
    )
    content = json.loads(paths[0].read_text())
    assert content["cells"] == rows
    assert content["growth"][0]["ratio"] == {"1000": 1.0, "10000": 1.5}
    assert content["machine"] == where and where["cores"] >= 1
    page = paths[1].read_text()
    assert "| bpr+sgd | 10,000 | 170,667 |" in page
    assert "| bpr+sgd | time of a step | x1.00 | x1.50 |" in page
    assert "`python -m experiments.speed`" in page
    assert "10,000 users, 1,000,000 generated rows; 64 factors, 512 positives a step" in page


def test_a_report_of_a_comparison_alone_states_the_data_too(tmp_path):
    found = beside.beside(
        Cell(**TINY, method="bpr+sgd"),
        command("print('positives/s: 50')"),
        rounds=1,
        folder=tmp_path,
        measure=turns((100, 1)),
    )
    paths = report.write_report(tmp_path, [], [found], where={"cores": 2}, command="x")
    page = paths[1].read_text()
    assert "20 users, 100 generated rows; 2 factors, 16 positives a step, 2 epochs" in page
    assert "| bpr+sgd | 30 | positives/s | 100.00 | 50.00 | x2.00 | x2.00 | x2.00 |" in page
    assert json.loads(paths[0].read_text())["beside"][0]["settings"]["rows"] == 100


def test_the_script_names_a_mistake_in_one_line():
    words = [sys.executable, ROOT / "scripts" / "benchmark.py", "--methods", "als"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: `method` should be one of 'bpr+sgd'")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rounds", "2"], "--rounds goes with --beside"),
        (
            ["--data", "gowalla", "--items", "1000"],
            "--data brings its own sizes: leave out --items",
        ),
        (["--data", "gowalla", "--rows", "10"], "--data brings its own sizes: leave out --rows"),
    ],
)
def test_arguments_that_would_be_ignored_are_refused(words, message):
    words = [sys.executable, ROOT / "scripts" / "benchmark.py", *words]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2 and message in done.stderr
