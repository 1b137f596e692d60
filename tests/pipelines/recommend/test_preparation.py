import dataclasses

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.report import Loaded, report_of
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.pipelines.recommend.preparation import identity_of, prepare
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.single_settings import SingleSettings


def loaded_rows(pairs, rating=None):
    users, items = np.array(pairs).T.astype(np.int32)
    interactions = Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(users.max() + 1)),
        items=Vocabulary(np.arange(items.max() + 1)),
        rating=rating,
    )
    return Loaded(interactions=interactions, report=report_of(interactions, "by hand"))


def test_every_row_that_is_taken_out_is_counted():
    pairs = [(0, 0), (0, 1), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    rating = np.array([5, 5, 4, 1, 5, 5, 5], np.float32)
    prepared = prepare(loaded_rows(pairs, rating), RecommenderSettings(minimum_rating=2.0))
    counts = prepared.counts
    # the row rated 1 goes; then one of the two (0, 1)
    assert counts["removed_by_minimum_rating"] == 1
    assert counts["removed_as_repeats"] == 1
    assert counts["rows"] == 5
    assert counts["train_rows"] + counts["validation_rows"] + counts["test_rows"] == 5


def test_a_core_that_is_too_dense_is_said_with_what_there_was():
    message = "`k_core` should leave interactions. Received: 50, of which the 2 rows of 2 users and"
    with pytest.raises(ValueError, match=message):
        prepare(loaded_rows([(0, 0), (1, 1)]), RecommenderSettings(k_core=50))


def test_features_that_are_asked_for_should_be_there():
    with pytest.raises(ValueError, match="`use_features` should be off .* --user-table"):
        prepare(loaded_rows([(0, 0), (1, 1)]), RecommenderSettings(use_features=True))
    with pytest.raises(ValueError, match="`use_context` should be off .* --context-column"):
        prepare(loaded_rows([(0, 0), (1, 1)]), SingleSettings(use_context=True))


def test_a_run_is_known_by_its_features_as_well(tiny_world):
    def hash_of(**tables):
        data = dataclasses.replace(tiny_world, **tables)
        loaded = Loaded(interactions=data, report=report_of(data, "tiny"))
        return identity_of(prepare(loaded, RecommenderSettings()), RecommenderSettings())

    def ages(first):
        return pd.DataFrame({"age": [first] + [3.0] * (tiny_world.num_users - 1)})

    one, other = (hash_of(user_features=ages(first)) for first in (1.0, 2.0))
    assert one["features_sha256"] != other["features_sha256"]
    assert one["data_sha256"] == other["data_sha256"]
    assert "features_sha256" not in hash_of(user_features=None, item_features=None)


def test_the_truth_is_dropped_where_the_filters_changed_the_users_or_items(tiny_world):
    scores = np.zeros((tiny_world.num_users, tiny_world.num_items), np.float32)
    loaded = Loaded(
        interactions=tiny_world, report=report_of(tiny_world, "tiny"), best_scores=scores
    )
    assert prepare(loaded, RecommenderSettings()).best_scores is scores
    assert prepare(loaded, RecommenderSettings(k_core=8)).best_scores is None
    assert prepare(loaded, RecommenderSettings(split="random_ratio")).best_scores is None


def test_a_random_split_is_that_of_the_seed_and_the_same_again(tiny_world):
    loaded = Loaded(interactions=tiny_world, report=report_of(tiny_world, "tiny"))

    def tested(**settings):
        return prepare(loaded, RecommenderSettings(**settings)).split

    zero, one = (tested(split="random_ratio", seed=seed) for seed in (0, 1))
    assert zero.fingerprint() == tested(split="random_ratio", seeds=3).fingerprint()
    assert zero.fingerprint() != one.fingerprint() and one.settings["seed"] == 1
    last = [tested(seed=seed).fingerprint() for seed in (0, 1)]
    assert last[0] == last[1]  # the last item of a user is not drawn


def test_users_with_one_row_are_trained_on_and_repeats_stand_in_one_part():
    once = [(user, user % 3) for user in range(3, 12)]
    pairs = [(user, item) for user in range(3) for item in (0, 1, 2, 1)]  # (user, 1) twice
    prepared = prepare(loaded_rows([*pairs, *once]), RecommenderSettings())
    counts = prepared.counts
    assert counts["removed_as_repeats"] == 3
    # three users with three items give one row each to validation and test
    assert [counts[f"{part}_rows"] for part in ("train", "validation", "test")] == [12, 3, 3]
    split = prepared.split
    parts = [
        set(zip(p.user_index, p.item_index, strict=True))
        for p in (split.train, split.validation, split.test)
    ]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert {user for user, _ in parts[1] | parts[2]} == {0, 1, 2}
