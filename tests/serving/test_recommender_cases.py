"""The requests of a check, and that a served recommender which breaks a rule is found by them."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.base import log_popularity
from advrec_tf.serving import recommender_cases
from advrec_tf.serving.forms import served_form
from advrec_tf.serving.lists import LOWEST, Reference
from advrec_tf.serving.module import ExportCheckError
from advrec_tf.serving.recommender_cases import list_cases, restricted, score_cases


@pytest.fixture(scope="module")
def reference(recommender):
    def score(users):
        return recommender.user_vectors[users] @ recommender.item_vectors.T

    return Reference(score, log_popularity(recommender.interactions), recommender.interactions)


def by_title(cases, title):
    return next(case for case in cases if case.title == title)


def asked(served, cases):
    """Hold what `served` answers against the cases that are not refused."""
    signatures = served.signatures()
    for case in cases:
        if case.expected is None:
            continue
        specs = served.inputs()[case.signature]
        inputs = {name: tf.constant(case.inputs[name], specs[name].dtype) for name in specs}
        outputs = {k: v.numpy() for k, v in signatures[case.signature](**inputs).items()}
        case.expected.difference(case.title, as_text(outputs), 1e-6)


def as_text(outputs):
    return {
        name: np.vectorize(bytes.decode, otypes=[object])(value) if value.dtype == object else value
        for name, value in outputs.items()
    }


def test_lists_are_asked_of_every_length_and_both_limits_are_refused(reference):
    cases = list_cases(reference, k=3, max_k=2)
    lengths = by_title(cases, "a k for each user").inputs
    assert lengths["user_id"] == ["11", "12", "13", "unknown"] and lengths["k"] == [1, 2, 1, 2]
    refused = {case.title for case in cases if case.expected is None}
    assert refused == {"k of 0", "k over the longest", "fewer k than users"}
    assert by_title(cases, "k over the longest").inputs["k"] == [3]
    by_index = by_title(cases, "by index").inputs["user_index"]
    assert by_index == [0, 1, 2, 8, -1]  # the known ones, and two that are nobody's


def test_each_user_excludes_the_item_that_would_be_first(reference):
    title = "longest, with an item excluded for each user"
    rows = by_title(list_cases(reference, k=3, max_k=7), title).inputs["exclude_item_id"]
    assert [row[1] for row in rows] == ["c", "e", "e", "d"]
    assert {row[2] for row in rows} == {"unknown"}


def test_the_longest_lists_are_asked_of_as_many_users_as_their_ids_allow(reference, monkeypatch):
    title = "longest, with an item excluded for each user"
    monkeypatch.setattr(recommender_cases, "LISTED", 15)  # two lists of 7 ids
    two = by_title(list_cases(reference, k=3, max_k=7), title).inputs
    assert two["user_id"] == ["11", "unknown"] and two["k"] == [7, 7]
    assert [row[1] for row in two["exclude_item_id"]] == ["c", "d"]
    one = by_title(list_cases(reference, k=3, max_k=16), title).inputs
    assert one["user_id"] == ["11"] and one["k"] == [16]


def test_scores_are_asked_of_an_unknown_user_and_an_unknown_item(reference):
    case = by_title(score_cases(reference), "scores")
    assert case.inputs["user_id"] == ["11", "12", "13", "unknown", "11"]
    assert case.inputs["item_id"] == ["a", "b", "c", "d", "unknown"]
    expected = case.expected.outputs
    assert expected["score"].tolist() == pytest.approx([5, 1, 1, np.log(5.5), 0])
    assert expected["known_user"].tolist() == [True, True, True, False, True]
    assert expected["known_item"].tolist() == [True, True, True, True, False]


def test_each_row_excludes_its_best_item_and_every_other_allows_two_alone(reference):
    scores = np.array([[5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [3, 1, 2, 0, 0]], np.float32)
    inputs, candidates = restricted(reference, scores, max_k=2)
    assert inputs == {
        "k": [1, 2, 1],
        "exclude_item_id": [["", "a"], ["", "e"], ["", "a"]],
        "allow_item_id": [["", ""], ["e", "d"], ["", ""]],
    }
    low = LOWEST
    assert candidates.tolist() == [[low, 4, 3, 2, 1], [low, low, low, 4, low], [low, 1, 2, 0, 0]]


def test_a_served_form_that_mixes_up_what_restricts_a_list_is_found(recommender, reference):
    served = served_form(recommender, k=3, max_k=7)
    limits = served.known_limits
    served.known_limits = lambda exclude, allow: limits(allow, exclude)
    with pytest.raises(ExportCheckError, match="`known_excluded`"):
        asked(served, list_cases(reference, k=3, max_k=7))


def test_a_served_form_that_lists_what_a_user_has_is_found(recommender, reference):
    served = served_form(recommender, k=3, max_k=7)
    cases = list_cases(reference, k=3, max_k=7)
    asked(served, cases)
    served._unseen_scores = served.scorer.scores
    with pytest.raises(ExportCheckError, match="item 'a' was seen, excluded"):
        asked(served, cases)
