import dataclasses
import json

import numpy as np
import pytest

from advrec_tf.models.base import CandidateSubset, MatrixRecommender
from advrec_tf.pipelines.stages import StageStore
from experiments.cold_start.entries import SCENARIOS
from experiments.cold_start.study import make_setting, run_scenario


def silent(line):
    pass


def test_cold_items_have_no_interaction_left_and_half_of_them_is_never_chosen_on(cold_content):
    setting, _ = make_setting("items", cold_content)
    asked = setting.candidates["cold items"]
    assert not setting.interactions.item_counts()[asked].any()
    answers = np.zeros([80, 60], np.float32)
    answers[:, asked] = 1.0
    model = MatrixRecommender(scores=answers, interactions=setting.interactions)
    assert setting.validate(model) == 0.0


def test_ranking_among_the_cold_items_leaves_every_other_item_out(cold_content):
    setting, _ = make_setting("items", cold_content)
    asked = setting.candidates["cold items"]
    scores = np.random.default_rng(0).random((80, 60), np.float32)
    model = CandidateSubset(
        model=MatrixRecommender(scores=scores, interactions=setting.interactions),
        items=asked,
        interactions=setting.interactions,
    )
    listed = setting.tests["cold items"].evaluate(model).top_items
    assert set(listed[listed >= 0]) <= set(asked.tolist())


def test_missing_texts_are_missing_for_exactly_the_items_that_are_tested(cold_content):
    setting, content = make_setting("missing", cold_content)
    assert not content.text.present[setting.candidates["cold items"]].any()
    assert content.text.present.sum() == 60 - setting.notes["cold items without text"]
    assert cold_content.text.present.all()  # what was given is as it was


def test_an_unknown_scenario_is_refused(cold_content):
    with pytest.raises(ValueError, match="`scenario` should be one of"):
        make_setting("nowhere", cold_content)


def run(content, folder, scenario, only, *, resume=False, seeds=2, log=silent):
    store = StageStore(folder, {"job": "test"}, resume=resume)
    return run_scenario(
        scenario, content, store, seeds=seeds, epochs=6, points=2, only=only, log=log
    )


@pytest.mark.slow
def test_texts_rank_items_that_ids_cannot(cold_content, tmp_path):
    report = run(cold_content, tmp_path, "items", ["random", "id tower", "text tower"])
    entries = report["entries"]
    values = {label: one["mean"]["cold items"]["ndcg@10"] for label, one in entries.items()}
    assert values["id tower"] < values["random"] < values["text tower"] - 0.05
    assert list(entries["text tower"]["against"]) == ["id tower"]
    assert [entries[label]["seeds"] for label in values] == [2, 2, 2]


@pytest.mark.slow
def test_a_resumed_run_trains_nothing_and_says_the_same(cold_content, tmp_path):
    lines = []
    only = ["text tower", "text tower, FGSM"]
    first = run(cold_content, tmp_path, "items", only, seeds=1)
    second = run(cold_content, tmp_path, "items", only, seeds=1, resume=True, log=lines.append)
    assert json.dumps(first) == json.dumps(second)
    assert lines == []
    assert set(first["entries"]["text tower, FGSM"]["tried"]) == {"epsilon 0.1", "epsilon 0.3"}


@pytest.mark.slow
def test_generated_interactions_serve_users_who_have_lost_every_interaction(cold_content, tmp_path):
    only = ["id tower", "id tower, EASE interactions", "id tower, popular interactions"]
    report = run(cold_content, tmp_path, "users", only, seeds=1)
    values = [report["entries"][label]["mean"]["all items"]["cut to 0"] for label in only]
    assert values[0] == 0.0
    assert min(values[1:]) > 0.05


def test_entries_that_the_data_does_not_allow_are_named_with_the_reason(cold_content, tmp_path):
    bare = dataclasses.replace(cold_content, graph=None, attributes=None)
    report = run(bare, tmp_path, "items", ["graph tower", "attribute tower", "popularity"])
    assert report["left_out"] == {
        "attribute tower": "the data has no attributes",
        "graph tower": "the data has no graph",
    }
    assert list(report["entries"]) == ["popularity"]
    assert set(report["not_run"]) == set(SCENARIOS["items"]) - {
        "graph tower",
        "attribute tower",
        "popularity",
    }
    with pytest.raises(ValueError, match="`only` should name entries"):
        run(cold_content, tmp_path / "other", "items", ["no such entry"])
