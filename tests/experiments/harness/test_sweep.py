"""Sweeps over the study of `toy`: what is trained, chosen, shared, resumed and lost."""

import dataclasses

import numpy as np
import pytest

from advrec_tf.pipelines.stages import StageStore
from experiments.harness.entries import Entry, Trained
from experiments.harness.results import Result
from experiments.harness.sweep import Study, in_batches, sweep
from tests.experiments.harness.toy import failing_study, make_study, ranking_first


def silent(line):
    pass


def test_validation_chooses_the_settings_and_every_seed_keeps_them(tmp_path):
    found = sweep(make_study(), StageStore(tmp_path, {}), seeds=[0, 1, 2], log=silent)
    assert found.settings == {"fixed": {}, "chosen": {"item": 1}}
    assert found.tried["chosen"] == {
        "item 3": {"ndcg@1": 0.0},
        "item 1": {"ndcg@1": 1.0},
        "item 2": {"ndcg@1": 0.0},
    }
    assert [len(found.results[label]) for label in ("fixed", "chosen")] == [1, 3]
    assert found.results["fixed"][0].metrics["next"]["ndcg@1"] == 1.0
    assert found.results["chosen"][2].metrics["next"]["ndcg@1"] == 0.0


@pytest.mark.slow
def test_a_seed_that_only_chooses_is_no_result_and_no_test_is_ranked_for_it(tmp_path):
    store = StageStore(tmp_path, {})
    found = sweep(make_study(choosing_seed=100), store, seeds=[0, 1], log=silent)
    assert found.settings["chosen"] == {"item": 1}
    assert len(found.results["chosen"]) == 2
    assert "next" not in store.result("toy-chosen-100-item_1-choice").summary["metrics"]


def test_a_resumed_sweep_trains_nothing_again(tmp_path):
    first = sweep(make_study(), StageStore(tmp_path, {}), seeds=[0], log=silent)

    def refuse(task):
        raise AssertionError("trained again")

    study = make_study()
    entries = {la: dataclasses.replace(e, train=refuse) for la, e in study.entries.items()}
    study = dataclasses.replace(study, entries=entries)
    again = sweep(study, StageStore(tmp_path, {}, resume=True), seeds=[0], log=silent)
    assert again.settings == first.settings
    np.testing.assert_array_equal(
        again.results["chosen"][0].per_user["next"], first.results["chosen"][0].per_user["next"]
    )


@pytest.mark.slow
def test_parts_are_shared_within_a_seed_and_not_between_seeds(tmp_path):
    made = []

    def train(task):
        item = task.shared("part", lambda: made.append(task.seed) or 2)
        return ranking_first(task, item)

    study = make_study(entries={"one": Entry(train=train), "two": Entry(train=train)})
    sweep(study, StageStore(tmp_path, {}), seeds=[0, 1], log=silent)
    assert made == [0, 1]


def test_epochs_and_inspections_of_a_training_are_kept_with_its_result(tmp_path):
    def train(task):
        return Trained(
            ranking_first(task, 2), epochs=7, seconds=3.0, inspect=lambda s: {"seed": s.seed}
        )

    study = make_study(entries={"one": Entry(train=train)})
    found = sweep(study, StageStore(tmp_path, {}), seeds=[5], log=silent)
    assert found.results["one"][0].details == {"epochs": 7, "seed": 5}
    assert found.results["one"][0].seconds == 3.0


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.slow
def test_with_workers_a_failure_costs_an_entry_and_what_builds_on_it(tmp_path, workers):
    store = StageStore(tmp_path, {})
    found = sweep(
        failing_study(), store, seeds=[0], log=silent, workers=workers, build=failing_study
    )
    assert set(found.failed) == {"broken", "upon it"}
    assert found.failed["broken"] == "ValueError: no model here"
    assert list(found.results) == ["whole"]


def test_without_workers_a_failure_ends_the_sweep(tmp_path):
    with pytest.raises(ValueError, match="no model here"):
        sweep(failing_study(), StageStore(tmp_path, {}), seeds=[0], log=silent)


def test_an_unknown_label_is_refused_by_name():
    with pytest.raises(ValueError, match="`only` should name entries of 'toy'.*'nobody'"):
        make_study().only(["nobody"])


def test_an_entry_may_measure_itself(tmp_path):
    lines = []
    study = Study(
        name="own", entries={"one": Entry(train=lambda task: Result({"hits": task.seed}))}
    )
    for _ in range(2):
        store = StageStore(tmp_path, {}, resume=True)
        found = sweep(study, store, seeds=[0, 3], log=lines.append)
        assert [one.metrics for one in found.results["one"]] == [{"hits": 0}, {"hits": 3}]
    assert len(lines) == 2  # the second time nothing is trained


def test_a_process_takes_whole_families():
    entries = {
        f"{family}{number}": Entry(train=None, family=family)
        for number in range(2)
        for family in ("a", "b", "c")
    }
    assert in_batches(entries, 3) == [["a0", "a1", "b0", "b1"], ["c0", "c1"]]
    assert in_batches(entries, 1) == [[label] for label in entries]
