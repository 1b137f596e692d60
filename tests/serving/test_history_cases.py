"""The requests by history of a check."""

import numpy as np
import pytest

from advrec_tf.models.base import log_popularity
from advrec_tf.serving.history_cases import history_cases
from advrec_tf.serving.lists import Reference


@pytest.fixture(scope="module")
def cases(recommender):
    def score(users):
        return recommender.user_vectors[users] @ recommender.item_vectors.T

    data = recommender.interactions
    reference = Reference(score, log_popularity(data), data)
    found = history_cases(reference, k=3, max_k=7, score=lambda profile: -profile)
    return {(case.signature, case.title): case for case in found}


def test_histories_are_those_of_the_users_and_two_that_say_nothing(cases):
    case = cases["recommend_from_history", "histories"]
    assert case.inputs["item_id"] == [
        ["a", "b", "", ""],
        ["c", "", "", ""],
        ["a", "b", "c", "d"],
        ["unknown", "", "", ""],
        ["", "", "", ""],
    ]
    _, counted = case.expected.parts
    assert counted.outputs["known_items"].tolist() == [2, 1, 4, 0, 0]


def test_lists_with_limits_are_asked_of_the_same_histories(cases):
    case = cases["recommend_from_history_restricted", "histories"]
    assert case.inputs["item_id"] == cases["recommend_from_history", "histories"].inputs["item_id"]
    # Own items score -1 and may not be listed; of those that say nothing d is the popular one.
    assert [row[1] for row in case.inputs["exclude_item_id"]] == ["c", "a", "e", "d", "d"]
    assert case.inputs["k"] == [1, 2, 3, 4, 5]
    assert cases["recommend_from_history_restricted", "k over the longest"].expected is None


def test_candidates_are_scored_among_them_what_a_user_has(cases):
    case = cases["score_from_history", "candidates, an unknown one among them"]
    asked, scores = case.inputs["candidate_item_id"], case.expected.parts[0].outputs["score"]
    assert asked[0] == ["a", "b", "c", "unknown"] and scores[0].tolist() == [-1, -1, 0, 0]
    assert asked[3] == ["d", "e", "a", "unknown"]
    assert scores[3].tolist() == pytest.approx([np.log(5.5), np.log(0.5), np.log(2.5), 0])
