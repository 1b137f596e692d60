import copy

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models import base
from advrec_tf.models.base import NotFittedError, Recommender, log_popularity
from advrec_tf.models.baselines import EASE, Popularity, RandomWalk
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization

# Rows per item: a 3, b 1, c 2, d 0. So the popular list is a c b d.
ROWS = [(0, 0), (0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]
SCORES = [[9, 5, 8, 7], [1, 2, 3, 4], [1, 4, 2, 3]]  # user 13 has no row


class Scored(Recommender):
    """Scores read off the page."""

    def __init__(self, scores=SCORES, users=(11, 12, 13), items=("a", "b", "c", "d")):
        index = np.array(ROWS, np.int32)
        self.interactions = Interactions(
            user_index=index[:, 0],
            item_index=index[:, 1],
            users=Vocabulary(users),
            items=Vocabulary(items),
        )
        self.table = np.array(scores, np.float32)

    def score(self, user_index):
        return tf.gather(self.table, user_index)


def lists(frame):
    """{user: its items in order of rank}."""
    assert all(group["rank"].tolist() == list(range(1, len(group) + 1)) for _, group in by(frame))
    return {user: "".join(group["item_id"]) for user, group in by(frame)}


def by(frame):
    return list(frame.groupby("user_id", sort=False))


def test_a_list_holds_the_best_unseen_items_in_order():
    frame = Scored().recommend([13, 11], k=2)
    assert lists(frame) == {13: "bd", 11: "db"}
    assert frame["score"].tolist() == [4, 3, 7, 5]
    assert frame.columns.tolist() == ["user_id", "rank", "item_id", "score"]


def test_seen_items_are_left_out_and_nothing_fills_their_place():
    assert lists(Scored().recommend([11, 12, 13], k=9)) == {11: "db", 12: "d", 13: "bdca"}


def test_an_unknown_user_gets_the_popular_items():
    frame = Scored().recommend([99, 11], k=3)
    assert lists(frame) == {99: "acb", 11: "db"}
    # log(3 + .5), log(2 + .5), log(1 + .5)
    np.testing.assert_allclose(frame["score"][:3], np.log([3.5, 2.5, 1.5]), rtol=1e-6)


def test_unknown_users_alone_need_no_score():
    class Mute(Scored):
        def score(self, user_index):
            raise AssertionError("no known user was asked for")

    assert lists(Mute().recommend([98, 99], k=1)) == {98: "a", 99: "a"}


def test_only_allowed_items_are_recommended():
    assert lists(Scored().recommend([13, 11, 99], k=4, allow=["a", "d"])) == {
        13: "da",
        11: "d",
        99: "ad",
    }


def test_excluded_items_are_never_recommended():
    assert lists(Scored().recommend([13, 99], k=4, exclude=["b", "a"])) == {13: "dc", 99: "cd"}
    assert lists(Scored().recommend([13], k=4, allow=["b", "c"], exclude=["b"])) == {13: "c"}


def test_a_user_for_whom_nothing_is_left_has_no_row():
    assert lists(Scored().recommend([12, 13], k=4, exclude=["d"])) == {13: "bca"}
    assert len(Scored().recommend([12], k=4, allow=[])) == 0


def test_equal_scores_keep_the_order_of_the_catalogue():
    assert lists(Scored(np.ones((3, 4))).recommend([13], k=4)) == {13: "abcd"}


def test_users_are_scored_in_blocks_and_the_lists_are_the_same(monkeypatch):
    asked = []

    class Counted(Scored):
        def score(self, user_index):
            asked.append(user_index.numpy().tolist())
            return super().score(user_index)

    model, users = Counted(), [13, 99, 11, 12, 13]
    whole = model.recommend(users, k=3)
    assert asked == [[2, 0, 1, 2]]  # 99 is unknown
    monkeypatch.setattr(base, "BLOCK_CELLS", 9)  # two users of four items
    asked.clear()
    pd.testing.assert_frame_equal(model.recommend(users, k=3), whole)
    assert asked == [[2], [0, 1], [2]]
    monkeypatch.setattr(base, "BLOCK_CELLS", 3)  # less than one user
    assert lists(model.recommend([11, 12], k=3)) == {11: "db", 12: "d"}


def test_what_is_the_same_for_every_block_is_done_once(monkeypatch):
    class Slow(Scored):
        frozen_times = 0

        def frozen(self):
            self.frozen_times += 1
            return Scored()

        def score(self, user_index):
            raise AssertionError("each block did all the work")

    model = Slow()
    monkeypatch.setattr(base, "BLOCK_CELLS", 4)
    assert lists(model.recommend([11, 13], k=2)) == {11: "db", 13: "bd"}
    assert model.frozen_times == 1


def test_of_equal_scores_in_a_long_catalogue_the_first_are_listed():
    # 3,000 items: 7 is best, then all even ones, of which user 11 has 0 and 2.
    scores = np.zeros((3, 3000))
    scores[:, ::2], scores[:, 7] = 1, 2
    model = Scored(scores, items=[f"i{place}" for place in range(3000)])
    assert model.recommend([11], k=4)["item_id"].tolist() == ["i7", "i4", "i6", "i8"]
    assert model.recommend([13], k=3, exclude=["i7"])["item_id"].tolist() == ["i0", "i2", "i4"]


def test_ids_may_be_text():
    frame = Scored(users=("x", "y", "z")).recommend(["z", "nobody"], k=1)
    assert lists(frame) == {"z": "b", "nobody": "a"}


def test_a_user_and_an_item_are_found_in_the_spelling_of_a_request():
    model = Scored(users=("x", "\u00e9", "z"), items=("a", "b", "\u00fc", "d"))
    frame = model.recommend([" z", "e\u0301 "], k=4, exclude=["u\u0308"], allow=[" b", "d "])
    # z has seen nothing and scores b 4, d 3; the other one has seen b and scores d 4.
    assert lists(frame) == {" z": "bd", "e\u0301 ": "d"}  # users as they were asked for


def test_a_user_asked_for_twice_has_two_lists():
    assert Scored().recommend([13, 13], k=1)["item_id"].tolist() == ["b", "b"]


def test_no_user_gives_an_empty_table():
    frame = Scored().recommend([], k=3)
    assert len(frame) == 0 and "item_id" in frame.columns


def test_a_list_without_length_is_refused():
    with pytest.raises(ValueError, match="`k` should be >= 1. Received: 0"):
        Scored().recommend([11], k=0)


@pytest.mark.parametrize("name", ["allow", "exclude"])
def test_unknown_items_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"`{name}` should hold known item ids.*1 unknown.*'q'"):
        Scored().recommend([11], **{name: ["a", "q"]})


def test_a_recommender_without_scores_says_so():
    with pytest.raises(NotImplementedError, match="Recommender does not define `score`"):
        Recommender().score(tf.constant([0]))


def test_log_popularity_equals_the_value_worked_by_hand():
    np.testing.assert_allclose(
        log_popularity(Scored().interactions), np.log([3.5, 1.5, 2.5, 0.5]), rtol=1e-6
    )


@pytest.mark.parametrize(
    "model", [Popularity(), EASE(1.0), RandomWalk(), BiasedFactorization(), ImplicitFactorization()]
)
def test_a_model_that_was_never_fitted_says_that_fit_is_what_it_needs(model):
    asked = [lambda: model.recommend([11], k=1), lambda: model.score(tf.constant([0]))]
    for ask in asked:
        with pytest.raises(
            NotFittedError, match=rf"{type(model).__name__} should be fitted by `fit\("
        ):
            ask()
    assert copy.deepcopy(model).__class__ is type(model)


def test_one_id_in_the_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match=r"`user_ids` should be a list of ids, such as \['11'\]"):
        Scored().recommend("11", k=1)
