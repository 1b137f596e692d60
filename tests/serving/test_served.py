"""The served functions, run in memory."""

import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving.served import LOWEST, ServedRecommender


@pytest.fixture(scope="module")
def served(recommender):
    return ServedRecommender(recommender, k=3, max_k=7)


@pytest.fixture(scope="module")
def signatures(served):
    return served.signatures()


def recommend(signatures, users, k, exclude=()):
    outputs = signatures["recommend"](
        user_id=tf.constant(users),
        k=tf.constant(k),
        exclude_item_id=tf.constant(list(exclude), tf.string),
    )
    return lists(outputs), outputs["score"].numpy().tolist()


def lists(outputs):
    return ["".join(item.decode() or "-" for item in row) for row in outputs["item_id"].numpy()]


def test_lists_hold_the_best_unseen_items(signatures):
    outputs = signatures["serving_default"](user_id=tf.constant(["11", "12", "13"]))
    assert lists(outputs) == ["cde", "edb", "e--"]
    low = LOWEST
    assert outputs["score"].numpy().tolist() == [[3, 2, 1], [4, 3, 1], [-3, low, low]]


def test_an_unknown_user_gets_the_popular_items(signatures):
    outputs = signatures["serving_default"](user_id=tf.constant(["99"]))
    assert lists(outputs) == ["dcb"]
    expected = [math.log(5.5), math.log(4.5), math.log(3.5)]
    assert outputs["score"].numpy()[0].tolist() == pytest.approx(expected)


def test_a_list_ends_in_no_item_with_a_finite_score_where_few_are_left(signatures):
    items, scores = recommend(signatures, ["12", "99"], 7)
    assert items == ["edba---", "dcbae--"]
    assert scores[0] == [4, 3, 1, 0] + 3 * [LOWEST]
    assert np.isfinite(scores).all()


def test_excluded_items_are_left_out_and_unknown_ones_ignored(signatures):
    assert recommend(signatures, ["11", "99"], 3, ["d", "zebra", "", "d"])[0] == ["ce-", "cba"]
    assert recommend(signatures, ["11"], 2, "abcde")[0] == ["--"]


@pytest.mark.parametrize("k", [0, -1, 8])
def test_a_k_outside_its_range_is_refused_by_name(signatures, k):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`k` should be in 1\.\.7"):
        recommend(signatures, ["11"], k)


def test_score_is_the_product_and_tells_unknown_items_apart(signatures):
    outputs = signatures["score"](
        user_id=tf.constant(["11", "13", "11", "99"]), item_id=tf.constant(["b", "e", "zebra", "d"])
    )
    assert outputs["score"].numpy().tolist() == pytest.approx([4, -3, 0, math.log(5.5)])
    assert outputs["known_item"].numpy().tolist() == [True, True, False, True]


def test_score_refuses_users_and_items_of_different_number(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="same length"):
        signatures["score"](user_id=tf.constant(["11"]), item_id=tf.constant(["a", "b"]))


def test_an_index_out_of_range_is_an_unknown_user(signatures):
    outputs = signatures["recommend_index"](user_index=tf.constant([1, 2, 3, -1, 2**31 - 1]))
    assert outputs["item_index"].numpy().tolist() == [[4, 3, 1], [4, -1, -1], *3 * [[3, 2, 1]]]
    assert outputs["score"].numpy()[1].tolist() == [-3, LOWEST, LOWEST]


def test_a_compiled_function_gives_the_lists_of_the_plain_one(served, signatures):
    compiled = tf.function(served.recommend_index, jit_compile=True)
    index = tf.constant([0, 1, 2, 3, -1, 99])
    plain, fast = signatures["recommend_index"](user_index=index), compiled(index)
    assert fast["item_index"].numpy().tolist() == plain["item_index"].numpy().tolist()
    np.testing.assert_allclose(fast["score"], plain["score"], rtol=1e-6)


def test_both_ways_of_masking_give_the_same_lists(signatures):
    by_id = signatures["serving_default"](user_id=tf.constant(["11", "12", "13", "99"]))
    by_index = signatures["recommend_index"](user_index=tf.range(4))
    letters = np.array([*"abcde", "-"])[by_index["item_index"].numpy()]
    assert ["".join(row) for row in letters] == lists(by_id)


def test_lists_are_those_of_the_recommender_in_memory(recommender, signatures):
    table = recommender.recommend([11, 12, 13, 99], k=5)
    expected = ["".join(table[table["user_id"] == u]["item_id"]) for u in (11, 12, 13, 99)]
    items, _ = recommend(signatures, ["11", "12", "13", "99"], 5)
    assert [item.rstrip("-") for item in items] == expected


def test_a_user_without_rows_keeps_their_own_vector(make_recommender):
    rows = [(0, 0), (1, 1)]
    served = ServedRecommender(make_recommender(rows=rows), k=2, max_k=2)
    assert lists(served.serving_default(tf.constant(["13"]))) == ["ab"]


def test_ids_that_are_equal_as_text_are_refused(make_recommender):
    with pytest.raises(ValueError, match=r"`users`.*Received: 1 and '1'"):
        ServedRecommender(make_recommender(users=(1, "1", 2)))
    with pytest.raises(ValueError, match=r"`items`.*Received: '2' and 2"):
        ServedRecommender(make_recommender(items=("2", "b", 2, "d", "e")))


def test_an_empty_id_is_refused(make_recommender):
    with pytest.raises(ValueError, match="`items` should hold no empty id"):
        ServedRecommender(make_recommender(items=("", "b", "c", "d", "e")))


@pytest.mark.parametrize(("k", "max_k"), [(0, 5), (6, 5)])
def test_a_k_outside_max_k_is_refused_when_built(recommender, k, max_k):
    with pytest.raises(ValueError, match=r"`k` should be in 1\.\.max_k"):
        ServedRecommender(recommender, k=k, max_k=max_k)
