"""The check finds what it is for: exports that answer differently, or not at all."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving import answers, check, served
from advrec_tf.serving.answers import ExportCheckError, Reference
from advrec_tf.serving.check import check_export
from advrec_tf.serving.export import export


def test_an_export_answers_like_the_model_in_memory(recommender, version):
    report = check_export(version, recommender)
    # 3 users and an unknown one: 3 kinds of lists and 6 by index, and one user of each of 3
    assert (report.users, report.lists, report.scores) == (4, 3 * 4 + 6 + 3, 5 + 1)
    assert report.largest_difference < 1e-6
    assert set(report.latency_us) == {"serving_default", "recommend", "score", "recommend_index"}
    assert all(latency > 0 for latency in report.as_dict()["latency_us"].values())


def test_a_version_whose_variables_are_gone_is_reported(recommender, version, tmp_path):
    broken = shutil.copytree(version, tmp_path / "1")
    shutil.rmtree(broken / "variables")
    with pytest.raises(ExportCheckError, match="failed: .*(Could not find|does not exist)"):
        check_export(broken, recommender, user_ids=[11])


def test_a_variable_that_only_a_server_misses_is_found(recommender, tmp_path, monkeypatch):
    def forgotten_when_saving(value, name):
        variable = tf.Variable(value, name=name)
        if name == "user_vectors":
            variable._serialize_to_tensors = dict
        return variable

    monkeypatch.setattr(served, "frozen", forgotten_when_saving)
    version = export(recommender, tmp_path)
    tf.saved_model.load(str(version))  # takes it without a word
    with pytest.raises(ExportCheckError, match="(?s)could not be run.*user_vectors.* not found"):
        check_export(version, recommender)


@pytest.fixture(scope="module")
def answered(recommender, version):
    """Cases and what the export answered, to be held against models it does not equal."""
    cases = check.plan(Reference(recommender, None), k=3, max_k=7)
    return cases, check.run_in_child(version, cases, timeout=120)["results"]


def compare_all(other, answered):
    reference = Reference(other, None)
    for case, result in zip(*answered):
        answers.compare(reference, case, result, tolerance=1e-4)


def rows(recommender):
    data = recommender.interactions
    return list(zip(data.user_index.tolist(), data.item_index.tolist()))


def changed(recommender, name, place, by):
    value = getattr(recommender, name).copy()
    value[place] += by
    return dataclasses.replace(recommender, **{name: value})


@pytest.mark.parametrize(
    ("name", "place", "by", "message"),
    [
        ("user_vectors", (0, 0), 0.01, "user_id '11', rank 1: the score should be 3.03"),
        ("item_vectors", (4, 1), -0.01, "user_id '12', rank 1: the score should be 3.99"),
        ("unknown_user", 2, 0.01, "user_id 'unknown', rank 1: the score should be 1.72"),
        ("user_vectors", (1, 0), 2.0, "order, user_id '12', rank 1: the score should be 10."),
    ],
)
def test_a_vector_that_differs_is_found(recommender, answered, name, place, by, message):
    compare_all(recommender, answered)
    with pytest.raises(ExportCheckError) as error:
        compare_all(changed(recommender, name, place, by), answered)
    assert message in str(error.value)


def test_a_seen_item_in_a_list_is_found(make_recommender, recommender, answered):
    other = make_recommender(rows=[*rows(recommender), (0, 3)])
    with pytest.raises(ExportCheckError, match="'11', rank 2: item 'd' was seen or excluded"):
        compare_all(other, answered)


def test_an_item_kept_back_is_found(make_recommender, recommender, answered):
    other = make_recommender(rows=rows(recommender)[1:])  # a is new to user 11, and their best
    with pytest.raises(ExportCheckError, match="order, user_id '11', rank 1"):
        compare_all(other, answered)


@pytest.mark.parametrize(
    ("title", "outputs", "message"),
    [
        (
            "default",
            {"item_id": [["c", "c", "d"], *3 * [["e", "", ""]]]},
            "rank 2: item 'c' is there twice",
        ),
        ("default", {"item_id": 4 * [["c", "zebra", "d"]]}, "'zebra' is no item"),
        ("default", {"item_id": 4 * [["c", "d"]]}, r"should have shape \(4, 3\)"),
        ("scores", {"known_item": 5 * [True]}, "`known_item` should be"),
    ],
)
def test_a_wrong_answer_is_named(recommender, answered, title, outputs, message):
    cases = {case.title: (case, result) for case, result in zip(*answered)}
    case, result = cases[title]
    with pytest.raises(ExportCheckError, match=message):
        answers.compare(
            Reference(recommender, None),
            case,
            {"outputs": {**result["outputs"], **outputs}},
            tolerance=1e-4,
        )


def test_a_limit_that_is_not_kept_is_found(recommender, answered):
    cases = {case.title: (case, result) for case, result in zip(*answered)}
    accepted = {"outputs": cases["default"][1]["outputs"]}
    with pytest.raises(ExportCheckError, match="should refuse k = 0"):
        answers.compare(Reference(recommender, None), cases["k = 0"][0], accepted, tolerance=1e-4)


def test_tied_items_may_change_places(recommender, answered):
    other = dataclasses.replace(recommender, user_vectors=recommender.user_vectors * 0)
    inputs = {"user_index": [0, 1]}
    case = answers.Case(title="ties", signature="recommend_index", inputs=inputs, k=2)
    for items in ([[2, 3], [0, 1]], [[4, 2], [3, 4]]):
        answer = {"outputs": {"item_index": items, "score": np.zeros((2, 2)).tolist()}}
        assert answers.compare(Reference(other, None), case, answer, tolerance=1e-4) == 0.0
