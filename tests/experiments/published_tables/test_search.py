import pytest

from experiments.harness.entries import Trained
from experiments.published_tables.models import ModelSpec
from experiments.published_tables.search import search
from tests.experiments.published_tables.toy import make_task

pytest.importorskip("optuna")


def test_a_search_tries_the_default_first_and_no_point_twice(tmp_path):
    tried = []

    def train(task):
        tried.append(dict(task.settings))
        return Trained(None, 1, -abs(task.settings["a"] - 3), 0.0)

    spec = ModelSpec(train=train, space={"a": (5, 3, 4), "b": (1, 2), "c": (9,)})
    task = make_task(spec)
    journal = tmp_path / "journal"
    search("x", task, budget=2, journal=journal, log=lambda line: None)
    assert len(tried) == 2 and tried[0] == {"a": 5, "b": 1, "c": 9}
    # What the journal holds is not tried again; a larger budget goes on where it stopped.
    choice = search("x", task, budget=99, journal=journal, log=lambda line: None)
    points = {tuple(sorted(point.items())) for point in tried}
    assert len(tried) == len(points) == 6
    assert choice.settings["a"] == 3 and choice.validation == 0 and choice.trials == 6
    with pytest.raises(ValueError, match="`budget` should be >= 1"):
        search("x", task, budget=0, journal=journal)


def test_a_trial_that_was_killed_is_tried_again(tmp_path):
    calls = []

    def train(task):
        calls.append(task.settings["a"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return Trained(None, 1, float(task.settings["a"]), 0.0)

    spec = ModelSpec(train=train, space={"a": (1, 2)})
    task = make_task(spec)
    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        search("x", task, budget=2, journal=journal, log=lambda line: None)
    choice = search("x", task, budget=2, journal=journal, log=lambda line: None)
    assert calls == [1, 2, 2] and choice.settings == {"a": 2}
