import json
import subprocess
import sys
from pathlib import Path

import pytest

from advrec_tf.pipelines.machine import machine
from experiments.speed import page

ROOT = Path(__file__).parents[3]
COMPARISON = {
    "method": "bpr+sgd",
    "items": 30,
    "unit": "positives/s",
    "ours": [100.0, 900.0, 200.0],
    "theirs": [50.0, 50.0, 50.0],
    "times_as_fast": [2.0, 18.0, 4.0],
    "median": 4.0,
}


def text_of(cells, comparisons=()):
    report = {"command": "python it", "machine": machine(), "cells": cells, "beside": comparisons}
    return page.markdown(json.loads(json.dumps(report)), Path("x.md"))


def test_the_page_holds_the_figures_the_machine_the_data_and_the_command(measured):
    text = text_of([measured(items=1000, ms=2.0), measured(items=10_000, ms=3.0)])
    assert "Made by `python it`." in text and f"cores {machine()['cores']}" in text
    assert "| bpr+sgd | 10,000 | 170,667 | 0.030 | 3.000 | 2.00 | 100 | 500 | 400 |" in text
    assert "| bpr+sgd | time of a step | x1.00 | x1.50 |" in text
    assert "10,000 users, 1,000,000 generated interactions; 64 factors, 512 positives" in text


def test_growth_is_a_multiple_of_the_same_methods_smallest_catalogue(measured):
    found = page.growth(
        [
            measured(items=10_000, ms=3.0, ranked=25, peak=600),
            measured(items=1000, ms=2.0, ranked=100, peak=500),
            measured("apr+adagrad", items=10_000, ms=50.0),
        ]
    )
    assert found == [
        ("bpr+sgd", "milliseconds_per_step", {1000: 1, 10_000: 1.5}),
        ("bpr+sgd", "evaluated_users_per_second", {1000: 1, 10_000: 0.25}),
        ("bpr+sgd", "peak_megabytes", {1000: 1, 10_000: 1.2}),
    ]


def test_a_thousandth_is_not_shown_as_nothing(measured):
    text = text_of([measured(items=1000, ranked=20_000.0), measured(items=10**6, ranked=28.0)])
    assert "| users ranked a second | x1.00 | x0.0014 |" in text


def test_what_was_not_measured_has_no_growth_and_an_empty_cell(measured):
    cells = [measured(items=items) for items in (1000, 2000)]
    del cells[1]["evaluated_users_per_second"]
    figures = [figure for _, figure, _ in page.growth(cells)]
    assert figures == ["milliseconds_per_step", "peak_megabytes"]
    assert "| 2,000 | 512,000 | 0.010 | 1.000 | 2.00 |  | 500 | 400 |" in text_of(cells)


def test_a_cell_whose_process_died_says_so(measured):
    died = {**measured(items=2000), "error": "It died."}
    for figure, _ in page.COLUMNS.values():
        del died[figure]
    text = text_of([measured(), died])
    assert "| before model MB | failed |" in text
    assert "| bpr+sgd | 2,000 |  |  |  |  |  |  |  | It died. |" in text


def test_a_comparison_alone_states_the_data_too(measured):
    settings = {**measured(), "users": 20, "interactions": 100}
    text = text_of([], [{**COMPARISON, "settings": settings}])
    assert "20 users, 100 generated interactions; 64 factors" in text
    assert "| bpr+sgd | 30 | positives/s | 200.00 | 50.00 | x4.00 | x2.00 | x18.00 |" in text


def run(*words):
    command = [sys.executable, "-m", "experiments.speed", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_the_command_names_a_mistake_in_one_line():
    done = run("--methods", "als")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: `method` should be one of 'bpr+sgd'")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rounds", "2"], "--rounds goes with --beside"),
        pytest.param(
            ["--data", "gowalla", "--items", "1000"],
            "--data brings its own sizes: leave out --items",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["--data", "gowalla", "--users", "10"],
            "--data brings its own sizes: leave out --users",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_arguments_that_would_not_be_read_are_refused(words, message):
    done = run(*words)
    assert done.returncode == 2 and message in done.stderr
