import itertools

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.defence.certified.subset_ensemble import SubsetEnsemble, subset_ease, subset_svd
from advrec_tf.models.baselines import EASE
from tests.worlds import interactions_of


@pytest.fixture(scope="module")
def taste_world():
    """Thirty users of two tastes over 20 items."""
    rng = np.random.default_rng(0)
    taste = (np.arange(30)[:, None] + np.arange(20)) % 2
    return interactions_of(np.argwhere(rng.random((30, 20)) < np.where(taste, 0.6, 0.05)), 30, 20)


def test_ease_of_a_subset_is_ease_that_was_fitted_to_these_users():
    rng = np.random.default_rng(1)
    profiles = (rng.random((12, 9)) < 0.4).astype(np.float32)
    rows = profiles[[1, 4, 7]]
    weights = EASE(3.0).fit(interactions_of(np.argwhere(rows), 3, 9)).weights.numpy()
    found = subset_ease(3.0)(profiles, rows)
    unseen = profiles == 0
    np.testing.assert_allclose(found[unseen], (profiles @ weights)[unseen], atol=1e-5)
    with pytest.raises(ValueError, match="`l2` should be > 0"):
        subset_ease(0.0)


def test_a_factorization_with_all_dimensions_projects_on_the_rows():
    rows = np.array([[1, 1, 0], [0, 0, 1]], np.float32)
    # (1, 0, 0) on the span of (1, 1, 0) / sqrt 2: (1/2, 1/2, 0).
    found = subset_svd(2)(np.array([[1, 0, 0]], np.float32), rows)
    np.testing.assert_allclose(found, [[0.5, 0.5, 0]], atol=1e-6)
    with pytest.raises(ValueError, match="`dim` should be >= 1"):
        subset_svd(0)


def test_an_item_has_the_votes_of_all_models_that_rank_it_first():
    # Subsets are everybody, so every model is the same: user 0 gets item 2, which both others have.
    data = interactions_of([(0, 0), (0, 1), (1, 0), (1, 2), (2, 1), (2, 2), (2, 3)], 3, 4)
    model = SubsetEnsemble(subset_size=3, num_models=7, votes_each=1).fit(data)
    assert model.votes[0].tolist() == [0, 0, 7, 0]
    # Seven votes and its popularity over the largest and one: 2 / (2 + 1).
    assert model.score(tf.constant([0])).numpy()[0, 2] == pytest.approx(7 + 2 / 3)
    whole = SubsetEnsemble(subset_size=3, num_models=2, votes_each=9).fit(data)
    assert whole.votes[0].tolist() == [0, 0, 2, 2]


def test_equal_items_at_the_border_get_no_vote():
    data = interactions_of([(0, 0), (1, 0), (1, 1), (1, 2)], 2, 4)
    model = SubsetEnsemble(subset_size=2, num_models=1, votes_each=1).fit(data)
    assert model.votes[0].sum() == 0
    assert model.votes.sum(axis=1).max() <= 1


def test_votes_come_near_those_of_all_subsets_and_repeat_for_a_seed(taste_world):
    settings = {"subset_size": 2, "votes_each": 3}
    found = SubsetEnsemble(**settings, num_models=1500).fit(taste_world)
    profiles = taste_world.by_user().dense().astype(np.float32)
    exact = np.zeros(profiles.shape)
    subsets = [*itertools.combinations(range(30), 2)]
    for subset in subsets:
        scores = np.where(profiles > 0, -np.inf, found.base(profiles, profiles[list(subset)]))
        exact += scores > np.maximum(np.sort(scores, axis=1)[:, [-4]], 0)
    # Five standard errors of a share of 1/2.
    assert np.abs(found.votes / 1500 - exact / len(subsets)).max() < 5 * 0.5 / np.sqrt(1500)
    first, again, other = (
        SubsetEnsemble(**settings, num_models=20, seed=seed).fit(taste_world).votes
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_subset_larger_than_the_data_is_refused(taste_world):
    with pytest.raises(ValueError, match="at least 31 users"):
        SubsetEnsemble(subset_size=31).fit(taste_world)
    with pytest.raises(ValueError, match="should be >= 1"):
        SubsetEnsemble(votes_each=0)
