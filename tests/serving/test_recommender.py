"""The served functions, run in memory."""

import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.baselines import EASE
from advrec_tf.serving.forms import served_form
from advrec_tf.serving.lists import LOWEST


@pytest.fixture(scope="module")
def served(recommender):
    return served_form(recommender, k=3, max_k=7)


@pytest.fixture(scope="module")
def signatures(served):
    return served.signatures()


def recommend(signatures, users, k, exclude=None, allow=None):
    padding = [[""]] * len(users)
    outputs = signatures["recommend"](
        user_id=tf.constant(users, tf.string),
        k=tf.constant([k] * len(users) if isinstance(k, int) else k, tf.int32),
        exclude_item_id=tf.constant(padding if exclude is None else exclude, tf.string),
        allow_item_id=tf.constant(padding if allow is None else allow, tf.string),
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


def test_each_user_has_a_list_of_its_own_length(signatures):
    items, scores = recommend(signatures, ["11", "12", "99"], [1, 3, 2])
    assert items == ["c--", "edb", "dc-"]
    assert scores[0] == [3, LOWEST, LOWEST]


def test_each_user_has_exclusions_of_its_own_and_unknown_ids_are_ignored(signatures):
    exclude = [["d", "zebra", "d"], ["", "", ""], ["", "c", "d"]]
    assert recommend(signatures, ["11", "12", "99"], 3, exclude)[0] == ["ce-", "edb", "bae"]
    assert recommend(signatures, ["11"], 2, [list("abcde")])[0] == ["--"]


def test_only_allowed_items_are_served_and_an_empty_row_allows_everything(signatures):
    allow = [["e", "a", "d"], ["", "", ""], ["zebra", "", ""]]
    # a is seen by 11; an allowed id that is no item's leaves nothing
    assert recommend(signatures, ["11", "12", "99"], 3, None, allow)[0] == ["de-", "edb", "---"]
    assert recommend(signatures, ["11"], 3, [["d"]], [["d", "e"]])[0] == ["e--"]


@pytest.mark.parametrize("k", [0, -1, 8])
def test_a_k_outside_its_range_is_refused_by_name(signatures, k):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`k` should be in 1\.\.7"):
        recommend(signatures, ["11", "12"], [2, k])


def test_inputs_of_different_length_are_refused_by_name(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="should have the same length"):
        recommend(signatures, ["11", "12"], [2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="should have the same length"):
        signatures["score"](user_id=tf.constant(["11"]), item_id=tf.constant(["a", "b"]))


def test_no_user_gets_no_list(signatures):
    for outputs in (
        signatures["serving_default"](user_id=tf.constant([], tf.string)),
        signatures["recommend_from_history"](item_id=tf.zeros([0, 2], tf.string)),
    ):
        assert outputs["item_id"].shape == [0, 3]
    empty = tf.zeros([0, 1], tf.string)
    outputs = signatures["recommend"](
        user_id=empty[:, 0], k=tf.zeros([0], tf.int32), exclude_item_id=empty, allow_item_id=empty
    )
    assert outputs["score"].shape == [0, 1]


def test_a_request_for_too_many_users_is_refused(recommender):
    served = served_form(recommender, k=3, max_k=7)
    served.max_batch = 2
    call = served.signatures()["serving_default"]
    assert call(user_id=tf.constant(["11", "12"]))["score"].shape == [2, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 2"):
        call(user_id=tf.constant(["11", "12", "13"]))


def test_pairs_of_few_users_are_scored_where_as_many_users_would_be_refused(recommender):
    for model, refused in ((recommender, False), (EASE(1.0).fit(recommender.interactions), True)):
        served = served_form(model, k=3, max_k=7)
        served.max_batch = 2
        call = served.signatures()["score"]
        many = {"user_id": tf.constant(["11", "12"] * 3), "item_id": tf.constant(["a"] * 6)}
        assert call(**many)["score"].shape == [6]
        three = {"user_id": tf.constant(["11", "12", "13"]), "item_id": tf.constant(["a"] * 3)}
        if refused:  # each of them costs the scores of all items
            with pytest.raises(tf.errors.InvalidArgumentError, match="name at most 2 users"):
                call(**three)
        else:
            assert call(**three)["score"].numpy().tolist() == [5, 0, 5]


def test_the_answer_says_which_users_are_known(signatures):
    users = tf.constant(["11", "99", "13"])
    none = tf.constant([[""]] * 3)
    asked = {"k": tf.constant([1, 1, 1]), "exclude_item_id": none, "allow_item_id": none}
    for found in (
        signatures["serving_default"](user_id=users),
        signatures["recommend"](user_id=users, **asked),
    ):
        assert found["known_user"].numpy().tolist() == [True, False, True]


def test_the_answer_says_which_ids_that_restrict_a_list_are_known(signatures):
    limits = {
        "k": tf.constant([1, 1]),
        "exclude_item_id": tf.constant([["", "c", "zebra"], ["", "", ""]]),
        "allow_item_id": tf.constant([["", "x"], ["", "e"]]),
    }
    for found in (
        signatures["recommend"](user_id=tf.constant(["11", "99"]), **limits),
        signatures["recommend_from_history_restricted"](item_id=tf.fill([2, 1], "a"), **limits),
    ):
        assert found["known_excluded"].numpy().tolist() == [[False, True, False], 3 * [False]]
        assert found["known_allowed"].numpy().tolist() == [[False, False], [False, True]]


def test_lists_by_history_have_limits_of_their_own(signatures):
    histories = tf.constant([["a", "b"], ["a", "b"], ["zebra", ""]])
    plain = signatures["recommend_from_history"](item_id=histories)
    found = signatures["recommend_from_history_restricted"](
        item_id=histories,
        k=tf.constant([2, 3, 1]),
        exclude_item_id=tf.constant([["c"], [""], ["d"]]),
        allow_item_id=tf.constant([["", ""], ["e", "a"], ["", ""]]),
    )
    rest = lists(plain)[0].replace("c", "")
    assert lists(found) == [f"{rest}-", "e--", "c--"]  # a is in the history of the second
    assert found["known_items"].numpy().tolist() == [2, 2, 0]
    scored = signatures["score_from_history"](
        item_id=histories, candidate_item_id=tf.constant([["d", "a", "?"]] * 3)
    )
    score = scored["score"].numpy()
    own = plain["score"].numpy()[0][lists(plain)[0].index("d")]
    assert score[0][0] == pytest.approx(own) and score[0][2] == 0 and score[0][1] != 0
    assert score[2].tolist() == pytest.approx([math.log(5.5), math.log(2.5), 0])
    assert scored["known_candidate"].numpy().tolist() == [[True, True, False]] * 3


def test_score_is_the_product_and_tells_unknown_items_apart(signatures):
    outputs = signatures["score"](
        user_id=tf.constant(["11", "13", "11", "99"]), item_id=tf.constant(["b", "e", "zebra", "d"])
    )
    assert outputs["score"].numpy().tolist() == pytest.approx([4, -3, 0, math.log(5.5)])
    assert outputs["known_item"].numpy().tolist() == [True, True, False, True]


def test_an_index_out_of_range_is_an_unknown_user(signatures):
    outputs = signatures["recommend_index"](user_index=tf.constant([1, 2, 3, -1, 2**31 - 1]))
    assert outputs["item_index"].numpy().tolist() == [[4, 3, 1], [4, -1, -1], *3 * [[3, 2, 1]]]
    assert outputs["score"].numpy()[1].tolist() == [-3, LOWEST, LOWEST]


def test_a_history_without_a_known_item_gets_the_popular_items(signatures):
    histories = tf.constant([["zebra", ""], ["", ""]])
    outputs = signatures["recommend_from_history"](item_id=histories)
    assert lists(outputs) == ["dcb", "dcb"]
    assert outputs["known_items"].numpy().tolist() == [0, 0]


def test_a_history_is_a_set_and_its_items_are_left_out(signatures):
    histories = tf.constant([["a", "b", "", ""], ["b", "a", "a", "zebra"]])
    outputs = signatures["recommend_from_history"](item_id=histories)
    first, second = lists(outputs)
    assert first == second and not set(first) & {"a", "b"}
    assert outputs["known_items"].numpy().tolist() == [2, 3]  # each id that is named, zebra aside
    np.testing.assert_allclose(*outputs["score"].numpy(), rtol=1e-6)


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


def test_a_user_without_interactions_keeps_their_own_vector(make_recommender):
    served = served_form(make_recommender(rows=[(0, 0), (1, 1)]), k=2, max_k=2)
    assert lists(served.serving_default(tf.constant(["13"]))) == ["ab"]


def test_ids_that_are_equal_as_text_are_refused(make_recommender):
    with pytest.raises(ValueError, match=r"`users`.*Received: 1 and '1'"):
        served_form(make_recommender(users=(1, "1", 2)))
    with pytest.raises(ValueError, match=r"`items`.*Received: '2' and 2"):
        served_form(make_recommender(items=("2", "b", 2, "d", "e")))


def test_an_empty_id_is_refused(make_recommender):
    with pytest.raises(ValueError, match="`items` should hold no empty id"):
        served_form(make_recommender(items=("", "b", "c", "d", "e")))


def test_the_longest_list_is_no_longer_than_the_catalogue_or_100(recommender):
    # the catalogue has 5 items
    assert [served_form(recommender, max_k=max_k).max_k for max_k in (20, 100)] == [20, 100]
    said = "is cut to 100, as there are 5 items. Received: max_k=101"
    with pytest.warns(UserWarning, match=said) as caught:
        assert served_form(recommender, max_k=101).notes()["max_k"] == 100
    assert len([one for one in caught if "is cut to" in str(one.message)]) == 1


@pytest.mark.parametrize(("k", "max_k"), [(0, 5), (6, 5)])
def test_a_k_outside_max_k_is_refused_when_built(recommender, k, max_k):
    with pytest.raises(ValueError, match=r"`k` should be in 1\.\.max_k"):
        served_form(recommender, k=k, max_k=max_k)


def test_every_input_of_every_signature_has_the_batch_first(served):
    for specs in served.inputs().values():
        assert all(spec.shape.rank >= 1 and spec.shape[0] is None for spec in specs.values())
    for inputs in served.warmup().values():
        assert {value.shape[0] for value in inputs.values()} == {1}
