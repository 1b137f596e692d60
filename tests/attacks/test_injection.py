import dataclasses

import numpy as np
import pandas as pd
import pytest

from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.data import splits
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary


def data(users=(10, 30), rating=(3.0, 5.0, 1.0), **more):
    """User 10 rates items 0 and 1, user 30 item 3; four items."""
    return Interactions(
        user_index=np.array([0, 0, 1], np.int32),
        item_index=np.array([0, 1, 3], np.int32),
        users=Vocabulary(np.array(users)),
        items=Vocabulary(np.arange(4)),
        rating=None if rating is None else np.array(rating, np.float32),
        **more,
    )


def profiles(*rows):
    return np.array(rows, np.float32)


def put(clean, rows=((0, 0, 5, 1),), targets=(2,), seed=0, attack="by hand"):
    rng = np.random.default_rng(seed)
    return inject(clean, profiles(*rows), targets=np.array(targets), attack=attack, rng=rng)


def rows_of(interactions):
    columns = (interactions.user_index, interactions.item_index, interactions.rating)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_fake_rows_follow_the_real_ones_which_stay_as_they_were():
    poisoned = put(data(), [(0, 0, 5, 1), (4, 0, 5, 0)])
    real = [(0, 0, 3.0), (0, 1, 5.0), (1, 3, 1.0)]
    fake = [(2, 2, 5.0), (2, 3, 1.0), (3, 0, 4.0), (3, 2, 5.0)]
    assert rows_of(poisoned.interactions) == real + fake
    assert poisoned.is_fake.tolist() == [False, False, True, True]
    assert poisoned.fake_interactions().tolist() == [False] * 3 + [True] * 4
    assert poisoned.num_real == 2 and poisoned.targets.tolist() == [2]


@pytest.mark.parametrize("users", [(10, 30), (-7, 0), ("fake-0", "b"), ("fake-1", "fake-0")])
def test_no_fake_id_is_a_real_one(users):
    poisoned = put(data(users), [(0, 0, 5, 0), (0, 0, 5, 0)])
    ids = poisoned.interactions.users.ids.tolist()
    assert ids[:2] == list(users) and len(set(ids)) == 4
    assert {type(i) for i in ids} == {type(users[0])}


def test_two_attacks_on_two_targets_do_not_overwrite_each_other():
    first = put(data(), [(0, 2, 5, 0)], targets=[2], attack="push")
    both = put(first, [(5, 2, 0, 1)], targets=[0], attack="nuke")
    assert rows_of(both.interactions)[3:] == [
        (2, 1, 2.0),
        (2, 2, 5.0),
        (3, 0, 5.0),
        (3, 1, 2.0),
        (3, 3, 1.0),
    ]
    assert both.targets.tolist() == [0, 2] and both.attack == "push + nuke"
    assert both.is_fake.tolist() == [False, False, True, True]
    assert len(first.interactions) == 5  # what was given is not altered


def test_without_ratings_whatever_is_rated_is_an_interaction():
    poisoned = put(data(rating=None), [(0, 0.5, 1, 0)])
    assert poisoned.interactions.rating is None
    assert poisoned.interactions.item_index.tolist() == [0, 1, 3, 1, 2]


def test_times_and_features_of_fakes_are_those_of_real_rows_and_users():
    table = pd.DataFrame({"age": [20, 70]})
    clean = data(timestamp=np.array([7.0, 8.0, 9.0]), user_features=table)
    first = put(clean, [(1, 2, 3, 4)] * 40)
    second = put(first, [(1, 2, 3, 4)] * 40, seed=1)
    for poisoned, rows in ((first, 160), (second, 320)):
        fake = poisoned.interactions.timestamp[3:]
        assert len(fake) == rows and set(fake) == {7.0, 8.0, 9.0}
        assert set(poisoned.interactions.user_features["age"][2:]) == {20, 70}


def test_what_is_tested_on_stays_real_and_keeps_its_rows():
    whole = data()
    split = splits.Split(
        name="x", train=whole.select([1, 2]), validation=whole.select([]), test=whole.select([0])
    )
    poisoned = put(split.train)
    attacked = poisoned.as_train_of(split)
    assert attacked.train is poisoned.interactions
    assert rows_of(attacked.test) == [(0, 0, 3.0)] and attacked.test.num_users == 3
    assert attacked.settings == {"attack": "by hand", "fake_users": 1}
    with pytest.raises(ValueError, match="`split` should train on the 3 real interactions"):
        put(whole).as_train_of(split)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 0, 5)], r"\[num_profiles, 4\].*\(1, 3\)"),
        (np.zeros((0, 4)), "num_profiles"),
        ([(0, 0, np.nan, 1)], "finite"),
        ([(0, -1, 5, 1)], "negative"),
        ([(0, 0, 5, 1), (0, 0, 0, 0)], "Received 1 without any"),
        ([(0, 0, 6, 1)], r"1\.\.5.*1\.\.6"),
        ([(0, 0, 0.5, 1)], r"1\.\.5.*0\.5"),
    ],
)
def test_profiles_that_are_none_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        inject(
            data(), np.array(rows), targets=np.array([2]), attack="x", rng=np.random.default_rng(0)
        )


@pytest.mark.parametrize("targets", [[], [-1], [4], [0.5]])
def test_targets_that_are_no_items_are_refused(targets):
    with pytest.raises(ValueError, match="`targets` should"):
        put(data(), targets=targets)


def test_a_real_user_behind_a_fake_one_is_refused():
    poisoned = put(data())
    for is_fake in ([True, False, False], [False, True]):
        with pytest.raises(ValueError, match="`is_fake` should be"):
            dataclasses.replace(poisoned, is_fake=np.array(is_fake))
    assert isinstance(poisoned, Poisoned)
