import math

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.attribute_baselines import (
    GroupPopularity,
    attribute_groups,
    bootstrap_profiles,
)
from advrec_tf.models.base import log_popularity

# Users 0, 1 of group 0; 2 of group 1; 3 of group 0 and 4 of none, both without rows.
PAIRS = [(0, 0), (0, 1), (1, 0), (2, 2)]
GROUPS = np.array([[0], [0], [1], [0], [-1]], np.int32)


@pytest.fixture
def data():
    users, items = np.array(PAIRS, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(5)),
        items=Vocabulary(np.arange(3)),
    )


def test_group_popularity_is_the_smoothed_share_worked_by_hand(data):
    # p = (2.5, 1.5, 1.5) / 5.5; group 0 has rows (2, 1, 0); at strength 2 its share of item 0
    # is (2 + 2 * 5/11) / 5 = 32/55, of item 2 (2 * 3/11) / 5 = 6/55
    scores = GroupPopularity(GROUPS, strength=2.0).fit(data).scores()
    assert scores[3, 0] == pytest.approx(math.log(32 / 55), rel=1e-5)
    assert scores[3, 2] == pytest.approx(math.log(6 / 55), rel=1e-5)


def test_a_missing_attribute_and_an_infinite_strength_leave_popularity(data):
    counts = log_popularity(data)
    expected = counts - np.log(np.exp(counts).sum())
    scores = GroupPopularity(GROUPS, strength=2.0).fit(data).scores()
    np.testing.assert_allclose(scores[4], expected, rtol=1e-5)
    scores = GroupPopularity(GROUPS, strength=1e9).fit(data).scores()
    np.testing.assert_allclose(scores[3], expected, rtol=1e-5)


def test_two_attributes_add_their_gains(data):
    twice = GroupPopularity(np.repeat(GROUPS, 2, axis=1), strength=2.0).fit(data).scores()
    once = GroupPopularity(GROUPS, strength=2.0).fit(data).scores()
    np.testing.assert_allclose(twice[3] - twice[4], 2 * (once[3] - once[4]), rtol=1e-5)


def test_numbers_are_cut_at_their_quantiles_and_missing_cells_marked():
    table = pd.DataFrame(
        {"age": [10.0, 20, 30, 40, 50, 60, np.nan], "sex": list("MFMFMF") + [None]}
    )
    groups = attribute_groups(table, bins=3)
    assert groups[:, 0].tolist() == [0, 0, 1, 1, 2, 2, -1]
    assert groups[:, 1].tolist() == [0, 1, 0, 1, 0, 1, -1]


def test_a_profile_is_copied_from_who_shares_most(data):
    rng = np.random.default_rng(0)
    copied = [
        bootstrap_profiles(data, GROUPS, np.array([3]), rng=rng)[0].tolist() for _ in range(30)
    ]
    assert {tuple(row) for row in copied} == {(1.0, 1.0, 0.0), (1.0, 0.0, 0.0)}
    copied = [
        bootstrap_profiles(data, GROUPS, np.array([4]), rng=rng)[0].tolist() for _ in range(30)
    ]
    assert (0.0, 0.0, 1.0) in {tuple(row) for row in copied}  # nobody shares: anybody


def test_nobody_is_copied_who_is_to_be_given_a_profile(data):
    with pytest.raises(ValueError, match="should have users beside `users`"):
        bootstrap_profiles(data, GROUPS, np.arange(5), rng=np.random.default_rng(0))


def test_arguments_that_do_not_fit_are_refused(data):
    with pytest.raises(ValueError, match="`strength` should be > 0"):
        GroupPopularity(GROUPS, strength=0.0)
    with pytest.raises(ValueError, match="`groups` should have 5 entries.*Received: 4"):
        GroupPopularity(GROUPS[:4]).fit(data)
