import itertools

import numpy as np
import pytest

from advrec_tf.defence.evidence import influence as module
from advrec_tf.defence.evidence.influence import UserInfluence, influence_table
from advrec_tf.models.baselines import EASE
from tests.worlds import interactions_of


@pytest.fixture(scope="module")
def data():
    has = np.random.default_rng(0).random((12, 7)) < 0.4
    has[:, 6] = False  # an item of nobody
    has[0, 0] = True
    return interactions_of(np.argwhere(has), 12, 7)


def means_without(data, users):
    """The mean scores by EASE that was fitted without some users; everybody is scored."""
    weight = (~np.isin(data.user_index, users)).astype(float)
    return EASE(3.0).fit(data, weight=weight).score(np.arange(data.num_users)).numpy().mean(axis=0)


def test_the_influence_of_a_user_is_what_training_without_it_changes(data):
    found = UserInfluence(data, l2=3.0)
    whole = means_without(data, [])
    np.testing.assert_allclose(found.mean_score, whole, atol=1e-6)
    for user in range(12):
        want = whole - means_without(data, [user])
        np.testing.assert_allclose(found.single[user], want, atol=1e-6)


@pytest.mark.parametrize("group", [[3], [1, 4, 7], [0, 2, 5, 6, 11]])
def test_the_influence_of_a_group_is_exact_though_users_are_not_independent(group, data):
    found = UserInfluence(data, l2=3.0)
    want = means_without(data, []) - means_without(data, group)
    np.testing.assert_allclose(found.of_group(np.array(group)), want, atol=1e-6)
    assert found.lift_of(np.array(group), 2) == pytest.approx(want[2], abs=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_no_group_lifts_an_item_by_more_than_the_bound(k, data):
    found = UserInfluence(data, l2=3.0)
    worst = np.max(
        [found.of_group(np.array(group)) for group in itertools.combinations(range(12), k)], axis=0
    )
    assert (worst <= found.bound(k) + 1e-12).all()


def test_the_table_puts_items_first_that_few_users_hold():
    # Users 0-19 share items 0 and 1; users 20 and 21 alone have item 2, with item 0.
    pairs = [(u, i) for u in range(20) for i in (0, 1)] + [(u, i) for u in (20, 21) for i in (0, 2)]
    table = influence_table(interactions_of(pairs, 22, 4), k=2, l2=1.0)
    assert table.item_id.tolist()[0] == 2 and len(table) == 3
    first = table.iloc[0]
    # Without both of them nobody has the item, so nothing is left of its score.
    assert first.users == 2 and first.share == pytest.approx(1.0)
    assert first.lift == pytest.approx(first.mean_score) and first.bound >= first.lift
    assert table.share.tolist()[1] < 0.5
    with pytest.raises(ValueError, match="`k` should be >= 1"):
        influence_table(interactions_of(pairs, 22, 4), k=0)


def test_too_large_a_problem_is_refused(data, monkeypatch):
    with pytest.raises(ValueError, match="`l2` should be > 0"):
        UserInfluence(data, l2=0.0)
    monkeypatch.setattr(module, "MEMORY_LIMIT", 1000)
    with pytest.raises(ValueError, match="12 users on 7 items"):
        UserInfluence(data)
