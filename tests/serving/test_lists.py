"""What the check finds in lists, and what it lets pass."""

import dataclasses

import numpy as np
import pytest

from advrec_tf.serving.forms import served_form
from advrec_tf.serving.lists import LOWEST, Reference
from advrec_tf.serving.module import ExportCheckError
from advrec_tf.serving.saved_model import run_in_child


@pytest.fixture(scope="module")
def answered(recommender, version):
    """Cases and what the export answered, to be held against models it does not equal."""
    cases = served_form(recommender, k=3, max_k=7).cases()
    return run_in_child(version, cases, timeout=120)["results"]


def compare_all(other, answered):
    cases = served_form(other, k=3, max_k=7).cases()
    for case, result in zip(cases, answered, strict=True):
        if case.expected is not None:
            case.expected.difference(case.title, result["outputs"], 1e-4)


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
        ("user_vectors", (0, 0), 0.01, "user '11', rank 1: the value should be 3.03"),
        ("item_vectors", (4, 1), -0.01, "user '12', rank 1: the value should be 3.99"),
        ("user_vectors", (1, 0), 2.0, "order, user '12', rank 1: the value should be 10."),
    ],
)
def test_a_vector_that_differs_is_found(recommender, answered, name, place, by, message):
    compare_all(recommender, answered)
    with pytest.raises(ExportCheckError) as error:
        compare_all(changed(recommender, name, place, by), answered)
    assert message in str(error.value)


def test_a_seen_item_in_a_list_is_found(make_recommender, recommender, answered):
    other = make_recommender(rows=[*rows(recommender), (0, 3)])
    with pytest.raises(ExportCheckError, match="'11', rank 2: item 'd' was seen, excluded"):
        compare_all(other, answered)


def test_an_item_kept_back_is_found(make_recommender, recommender, answered):
    other = make_recommender(rows=rows(recommender)[1:])  # a is new to user 11, and their best
    with pytest.raises(ExportCheckError, match="order, user '11', rank 1"):
        compare_all(other, answered)


@pytest.fixture
def reference(recommender):
    def score(index):
        return recommender.user_vectors[index] @ recommender.item_vectors.T

    return Reference(score, recommender.unknown_user_scores(), recommender.interactions)


def served(*lists):
    """Lists of the user 11, whose unseen items c, d, e have the scores 3, 2, 1."""
    own = {"c": 3.0, "d": 2.0, "e": 1.0, "": LOWEST}
    scores = [[own.get(item, 0.0) for item in items] for items in lists]
    return {"item_id": [list(items) for items in lists], "score": scores}


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([("c", "c", ""), ("c", "d", "e")], "rank 2: item 'c' is there twice"),
        ([("c", "zebra", ""), ("c", "d", "e")], "'zebra' is no item"),
        ([("c", "d"), ("c", "d")], r"should have shape \(2, 3\)"),
        ([("c", "d", "e"), ("c", "d", "e")], "rank 3: item 'e' stands beyond the end"),
        ([("c", "", ""), ("c", "d", "e")], "order, user '11', rank 2"),
        ([("c", "d", ""), ("a", "c", "d")], "rank 1: item 'a' was seen"),
    ],
)
def test_a_wrong_list_is_named(reference, lists, message):
    expected = reference.lists([0, 0], k=[2, 3])
    right = served(("c", "d", ""), ("c", "d", "e"))
    assert expected.difference("x", right, 1e-4) == 0.0
    with pytest.raises(ExportCheckError, match=message):
        expected.difference("x", served(*lists), 1e-4)


def test_tied_items_may_change_places(reference):
    expected = reference.of(np.zeros((1, 5), np.float32), k=2)
    for items in (["b", "d"], ["e", "a"]):
        expected.difference("x", {"item_id": [items], "score": [[0.0, 0.0]]}, 1e-4)


def test_an_unknown_user_who_is_not_served_the_popular_items_is_found(reference):
    # The catalog in its own order, all scores 0, is what a vector of zeros gives.
    expected = reference.of(np.zeros((1, 5), np.float32), k=3, popular=np.array([True]))
    popular = {"item_id": [["d", "c", "b"]], "score": [[0.0] * 3]}
    assert expected.difference("x", popular, 1e-4) == 0.0
    with pytest.raises(ExportCheckError) as error:
        expected.difference("x", {"item_id": [["a", "b", "c"]], "score": [[0.0] * 3]}, 1e-4)
    assert "rank 1: an unknown user should be served the popular items" in str(error.value)
    assert "'a' has 2 interactions where one has 5" in str(error.value)


def test_allowed_and_excluded_items_are_those_of_each_user(reference):
    expected = reference.lists(
        [0, 0], k=2, exclude=[["c", "zebra"], [""]], allow=[["", ""], ["e", "c"]]
    )
    assert expected.difference("x", served(("d", "e"), ("c", "e")), 1e-4) == 0.0


def test_lists_of_an_index_are_held_to_their_recall_and_their_order(reference, monkeypatch):
    monkeypatch.setattr("advrec_tf.serving.lists.ENOUGH", 2)
    reference.recall = 0.7, 2
    expected = reference.lists([0, 0], k=2)
    # c, d are the best two; three of the four places hold one of them
    expected.difference("here", served(("c", "d"), ("c", "e")), 1e-4)
    with pytest.raises(ExportCheckError, match="should have 0.700 of the best items. Served: 0.5"):
        expected.difference("here", served(("c", "e"), ("c", "e")), 1e-4)
    with pytest.raises(ExportCheckError, match="order, user '11', rank 1"):
        expected.difference("here", served(("d", "c"), ("c", "d")), 1e-4)
    # another length, or too few lists to say anything
    reference.lists([0, 0], k=1).difference("here", served(("e",), ("e",)), 1e-4)
    reference.lists([0], k=2).difference("here", served(("c", "e")), 1e-4)
