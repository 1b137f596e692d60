import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.retrieval import two_tower
from advrec_tf.models.vectors import (
    VectorRecommender,
    load_vectors,
    save_vectors,
    with_popularity_prior,
)
from advrec_tf.ops.stored import DamagedFileError
from tests.worlds import interactions_of

# Rows per item: a 3, b 1. User 0 has three rows, user 1 one, user 2 none.
ROWS = [(0, 0), (0, 0), (0, 1), (1, 0)]
USERS = np.array([[1, 2], [3, -1], [5, 5]], np.float32)
ITEMS = np.array([[1, 0], [2, 1]], np.float32)
PRIOR = np.log([3.5, 1.5])


def interactions(users=("u", "v", "w"), items=("a", "b"), text=None):
    index = np.array(ROWS, np.int32)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(users),
        items=Vocabulary(items),
        item_text=text,
    )


def test_a_user_with_few_rows_is_scored_by_scaled_taste_plus_popularity():
    model = with_popularity_prior(USERS, ITEMS, interactions(), scale=0.5, prior_max_history=2)
    scores = model.score(tf.constant([0, 1])).numpy()
    # user 0 has enough: (1, 2) . (1, 0) = 1, (1, 2) . (2, 1) = 4
    np.testing.assert_allclose(scores[0], [1, 4], rtol=1e-6)
    # user 1 has one row: .5 * (3, -1) . (1, 0) = 1.5, .5 * (3, -1) . (2, 1) = 2.5
    np.testing.assert_allclose(scores[1], [1.5 + PRIOR[0], 2.5 + PRIOR[1]], rtol=1e-6)


@pytest.mark.parametrize("prior_max_history", [0, 2])
def test_a_user_without_any_row_is_scored_by_popularity_alone(prior_max_history):
    model = with_popularity_prior(
        USERS, ITEMS, interactions(), scale=0.5, prior_max_history=prior_max_history
    )
    np.testing.assert_allclose(model.score(tf.constant([2]))[0], PRIOR, rtol=1e-6)
    np.testing.assert_allclose(model.item_vectors @ model.unknown_user, PRIOR, rtol=1e-6)


def test_few_rows_means_fewer_than_few():
    for prior_max_history, expected in ((1, [3, 5]), (2, [1.5 + PRIOR[0], 2.5 + PRIOR[1]])):
        model = with_popularity_prior(
            USERS, ITEMS, interactions(), scale=0.5, prior_max_history=prior_max_history
        )
        np.testing.assert_allclose(model.score(tf.constant([1]))[0], expected, rtol=1e-6)


def test_the_given_vectors_are_left_as_they_were():
    users, items = USERS.copy(), ITEMS.copy()
    with_popularity_prior(users, items, interactions(), scale=0.5, prior_max_history=9)
    np.testing.assert_array_equal(users, USERS)
    np.testing.assert_array_equal(items, ITEMS)


@pytest.mark.parametrize(
    "settings", [{"scale": -1.0, "prior_max_history": 1}, {"scale": 1.0, "prior_max_history": -1}]
)
def test_a_prior_out_of_range_is_refused(settings):
    with pytest.raises(ValueError, match="`scale` and `prior_max_history` should be >= 0"):
        with_popularity_prior(USERS, ITEMS, interactions(), **settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_vectors", np.zeros((2, 2), np.float32)),
        ("item_vectors", np.zeros((2, 3), np.float32)),
        ("unknown_user", np.zeros(3, np.float32)),
    ],
)
def test_vectors_of_another_shape_are_refused_by_name(name, value):
    vectors = {"user_vectors": USERS, "item_vectors": ITEMS, "unknown_user": np.zeros(2, "f4")}
    with pytest.raises(ValueError, match=f"`{name}` should have shape"):
        VectorRecommender(**{**vectors, name: value}, interactions=interactions())


def test_vectors_that_are_not_finite_are_refused():
    broken = USERS.copy()
    broken[1, 1] = np.nan
    with pytest.raises(ValueError, match="`user_vectors` should be finite"):
        VectorRecommender(
            user_vectors=broken,
            item_vectors=ITEMS,
            unknown_user=np.zeros(2, np.float32),
            interactions=interactions(),
        )


@pytest.mark.parametrize(("users", "items"), [("uvw", "ab"), ((7, 8, 9), (1, 2))])
def test_vectors_come_back_from_the_file_with_their_ids(tmp_path, users, items):
    data = interactions(tuple(users), tuple(items), text=np.array(["An apple", "Düne"], object))
    model = with_popularity_prior(USERS, ITEMS, data, scale=0.5, prior_max_history=2)
    save_vectors(model, tmp_path / "vectors.npz")
    back = load_vectors(tmp_path / "vectors.npz")
    for name in ("user_vectors", "item_vectors", "unknown_user"):
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name))
    assert back.interactions.fingerprint() == data.fingerprint()
    assert back.interactions.item_text.tolist() == ["An apple", "Düne"]
    asked = list(users)
    assert back.recommend(asked, k=2).equals(model.recommend(asked, k=2))
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.npz"]


def test_the_tower_of_columns_comes_back_from_the_file_with_the_vectors(tmp_path):
    ages = pd.DataFrame({"age": [20.0, 30.0, 40.0]})
    data = dataclasses.replace(interactions(), user_features=ages)
    tower = two_tower(data, embedding_dim=2, use_features=True)
    plain = with_popularity_prior(USERS, ITEMS, data, scale=0.5, prior_max_history=2)
    model = dataclasses.replace(plain, new_users=NewUsers.of(tower))
    save_vectors(model, tmp_path / "vectors.npz")
    back = load_vectors(tmp_path / "vectors.npz")
    asked = pd.DataFrame({"age": [50.0, None]})
    # The last dimension is that of popularity, which a list by columns has none of.
    expected = np.pad(tower.new_user_vectors(asked), [(0, 0), (0, 1)])
    for found in (model, back):
        np.testing.assert_array_equal(found.new_user_vectors(asked), expected)
    with pytest.raises(ValueError, match="needs the tower of a two-tower model"):
        plain.new_user_vectors(asked)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"new_user_scale": -1.0}, "`new_user_scale` should be >= 0. Received: -1.0"),
        ({"new_user_scale": 1.0, "new_users": None}, "beside `new_users`.* no `new_users`"),
        (
            {"new_user_scale": 1.0, "unknown_user": np.zeros(3, np.float32)},
            "a popularity prior.* `unknown_user` of zeros",
        ),
    ],
)
def test_a_prior_of_new_users_that_means_nothing_is_refused(given, message):
    ages = pd.DataFrame({"age": [20.0, 30.0, 40.0]})
    data = dataclasses.replace(interactions(), user_features=ages)
    tower = NewUsers.of(two_tower(data, embedding_dim=2, use_features=True))
    plain = with_popularity_prior(USERS, ITEMS, data, scale=0.5, prior_max_history=2)
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(plain, **{"new_users": tower, **given})


def test_a_file_with_half_a_tower_is_damaged(tmp_path):
    ages = pd.DataFrame({"age": [20.0, 30.0, 40.0]})
    data = dataclasses.replace(interactions(), user_features=ages)
    tower = NewUsers.of(two_tower(data, embedding_dim=2, use_features=True))
    plain = with_popularity_prior(USERS, ITEMS, data, scale=0.5, prior_max_history=2)
    save_vectors(dataclasses.replace(plain, new_users=tower), tmp_path / "vectors.npz")
    with np.load(tmp_path / "vectors.npz") as stored:
        kept = {name: stored[name] for name in stored.files if name != "new_users/user/0"}
    np.savez(tmp_path / "vectors.npz", **kept)
    with pytest.raises(DamagedFileError, match="it lacks 'new_users/user/0'"):
        load_vectors(tmp_path / "vectors.npz")


def test_an_item_without_a_text_still_has_none_after_the_file(tmp_path):
    data = interactions(text=np.array(["An apple", None], object))
    save_vectors(
        with_popularity_prior(USERS, ITEMS, data, scale=1.0, prior_max_history=0),
        tmp_path / "vectors.npz",
    )
    text = load_vectors(tmp_path / "vectors.npz").interactions.item_text.tolist()
    assert text[0] == "An apple" and not text[1]


def test_texts_and_ids_of_any_length_come_back_in_the_room_of_the_texts(tmp_path):
    texts = np.array(["short", "x" * 20_000, "", "blank at the end "] + ["t"] * 996, object)
    ids = ["i\0", "i", "é", *(f"i{i}" for i in range(997))]
    data = interactions_of([(0, 0), (1, 1), (2, 2)], items=ids, item_text=texts)
    model = VectorRecommender(
        user_vectors=np.zeros((3, 2), np.float32),
        item_vectors=np.zeros((1000, 2), np.float32),
        unknown_user=np.zeros(2, np.float32),
        interactions=data,
    )
    save_vectors(model, tmp_path / "vectors.npz")
    back = load_vectors(tmp_path / "vectors.npz").interactions
    assert back.item_text.tolist() == texts.tolist() and back.items.ids.tolist() == ids
    assert (tmp_path / "vectors.npz").stat().st_size < 100_000  # 80 MB at one width
