import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit import alignment
from advrec_tf.pipelines.audit.subject import UNKNOWN_ITEM
from tests.worlds import interactions_of, split_of


def vectors_over(users, items):
    """A recommender whose vector of user u is (u's place + 1) and of item i is (i's place + 1)."""
    data = interactions_of([(0, 0)], users=users, items=items)
    return VectorRecommender(
        user_vectors=np.arange(1.0, len(users) + 1)[:, None].astype(np.float32),
        item_vectors=np.arange(1.0, len(items) + 1)[:, None].astype(np.float32),
        unknown_user=np.float32([100.0]),
        interactions=data,
    )


def test_vectors_come_in_the_order_of_the_file():
    file = interactions_of([(0, 0)], users=["b", "new", "a"], items=[30, 10, 20])
    found, notes = alignment.aligned_vectors(vectors_over(["a", "b"], [10, 20, 30]), file, "m")
    assert found.user_vectors[:, 0].tolist() == [2, 100, 1]
    assert found.item_vectors[:, 0].tolist() == [3, 1, 2]
    assert "does not know 1 of the 3 users" in notes[0]


def test_a_model_of_other_items_is_refused_and_a_few_unknown_ones_are_noted():
    file = interactions_of([(0, 0)], 1, 10)
    known = np.ones(10, bool)
    known[:3] = False
    with pytest.raises(ValueError, match="lacks 3 of its 10 items, the first 0"):
        alignment.check_items(known, file, "runs/mine")
    known[:2] = True
    assert "does not know 1 of the 10 items" in alignment.check_items(known, file, "m")[0]


def test_an_item_that_the_model_does_not_know_is_never_listed():
    file = interactions_of([(0, 0)], users=["a"], items=[10, 20, 30, 40, 50, 60])
    model = vectors_over(["a"], [10, 20, 30, 40, 50])
    vectors, _ = alignment.aligned_vectors(model, file, "m")
    place = model.interactions.items.index_of(file.items.ids)
    scores = np.asarray(alignment.scorer_of(vectors, place, "m").score(np.array([0])))
    assert scores[0].tolist() == [1, 2, 3, 4, 5, -np.inf]


def test_a_table_of_lists_becomes_items_of_the_file():
    table = pd.DataFrame(
        {"user_id": ["u", "u", "v"], "rank": [2, 1, 1], "item_id": ["7", "9", "8"]}
    )
    found = alignment.listed(table, ["v", "u"], Vocabulary([7, 8]))
    assert found[:, :3].tolist() == [[1, -1, -1], [UNKNOWN_ITEM, 0, -1]]


def test_a_record_says_whether_the_test_part_was_trained_on(tmp_path):
    split = split_of(interactions_of([(0, 0)], 2, 2), interactions_of([(0, 1)], 2, 2))
    same = {"data_sha256": split.fingerprint()}
    assert alignment.trained_on_test({**same, "settings": {"refit": True}}, split) is True
    assert alignment.trained_on_test({**same, "settings": {"refit": False}}, split) is False
    assert alignment.trained_on_test({"data_sha256": "another"}, split) is None
    assert alignment.trained_on_test(tmp_path / "run.json", split) is None


def test_dimensions_that_change_no_score_are_left_out():
    model = VectorRecommender(
        user_vectors=np.float32([[1, 0, 2], [3, 0, 4]]),
        item_vectors=np.float32([[1, 9, 0], [2, 9, 0]]),
        unknown_user=np.float32([0, 1, 0]),
        interactions=interactions_of([(0, 0)], 2, 2),
    )
    found = alignment.without_idle_dimensions(model)
    assert found.user_vectors.tolist() == [[1], [3]] and found.item_vectors.tolist() == [[1], [2]]
    nothing = alignment.without_idle_dimensions(
        VectorRecommender(
            user_vectors=np.zeros((2, 3), np.float32),
            item_vectors=model.item_vectors,
            unknown_user=model.unknown_user,
            interactions=model.interactions,
        )
    )
    assert nothing.user_vectors.shape == (2, 1)
