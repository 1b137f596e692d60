import dataclasses
import warnings

import numpy as np
import pytest

from advrec_tf.defence.chain import Chain
from advrec_tf.defence.defences import Defence
from advrec_tf.defence.evidence.verified import (
    VerifiedCounts,
    believable_counts,
    gamma_prior,
)
from advrec_tf.defence.evidence.weights import CapContributions
from advrec_tf.defence.fitting import fit_defended
from tests.worlds import interactions_of

# Items 0 to 5; users 0 and 1 are verified. Every item has one rater of the verified and one of the
# others, but item 0, which eight more accounts rate.
VERIFIED = [(0, 0), (0, 1), (0, 2), (1, 3), (1, 4), (1, 5)]
OTHERS = [(2, item) for item in range(6)]
ACCOUNTS = [(3 + number, 0) for number in range(8)]
WORLD = interactions_of([*VERIFIED, *OTHERS, *ACCOUNTS])
FEW = pytest.mark.filterwarnings("ignore:Verified users with interactions are")


def test_the_fit_finds_the_distribution_of_the_rates():
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, 4.0, size=20_000)  # shape .5, mean 2
    shape, mean = gamma_prior(rng.poisson(rates))
    assert shape == pytest.approx(0.5, rel=0.05)
    assert mean == pytest.approx(2.0, rel=0.05)


def test_the_bound_is_a_quantile_of_what_the_verified_raters_predict():
    # A geometric prior, shape 1 and rate 1: half of the items have 0, a quarter 1, ... Without a
    # verified rater and as many others as verified users, P(more than k) = 3^-(k + 1).
    counts = np.repeat(np.arange(12), 2 ** np.arange(11, -1, -1))
    shape, mean = gamma_prior(counts)
    assert (shape, mean) == (pytest.approx(1.0, abs=0.03), pytest.approx(1.0, abs=0.01))
    found = believable_counts(counts, 1.0, chance=0.001)
    assert found[counts == 0][0] == 6  # 3^-7 = .0005, 3^-6 = .0014
    assert believable_counts(counts, 1.0, chance=0.002)[0] == 5
    assert (np.diff(found) >= 0).all()  # the more verified raters, the more are believable


@FEW
def test_accounts_weigh_so_that_their_roots_add_up_to_the_bound():
    found = VerifiedCounts(verified=[0, 1]).training_data(WORLD, seed=0)
    assert len(found.interactions) == len(WORLD) and found.suspicion is None
    weight = found.weight
    np.testing.assert_array_equal(weight[:6], 1.0)  # of verified users
    on = WORLD.item_index == 0
    np.testing.assert_array_equal(weight[6:][~on[6:]], 1.0)  # 1 other rater is believable
    pushed = weight[6:][on[6:]]
    verified = np.array([1, 1, 1, 1, 1, 1])
    bound = believable_counts(verified, 14 / 6, chance=0.001)[0]
    assert bound < 9  # one other and eight accounts
    assert np.sqrt(pushed).sum() == pytest.approx(bound, rel=1e-6)


@FEW
def test_no_number_of_accounts_adds_more_than_the_bound_allows():
    added = []
    for count in (20, 200):
        more = [(11 + number, 0) for number in range(count)]
        world = interactions_of([*VERIFIED, *OTHERS, *ACCOUNTS, *more])
        # The ratio grows with the accounts, and so does what is believable of every item; here
        # fewer than 9 + count in any case.
        found = VerifiedCounts(verified=[0, 1]).training_data(world, seed=0)
        fake = (world.user_index > 2) & (world.item_index == 0)
        added.append(np.sqrt(found.weight[fake]).sum() / (count + 8))
    assert added[1] < added[0] < 1


def test_where_all_users_are_verified_nothing_changes():
    found = VerifiedCounts(verified=range(11)).training_data(WORLD, seed=0)
    np.testing.assert_array_equal(found.weight, 1.0)


@FEW
def test_ids_without_interactions_are_counted_and_some_are_needed():
    with pytest.warns(
        UserWarning, match="2 of 4 ids in `verified` are no users with interactions, such as 77"
    ):
        VerifiedCounts(verified=[0, 1, 77, 78]).training_data(WORLD, seed=0)
    for ids in ([], [77]):
        with pytest.raises(ValueError, match=f"Received {len(ids)} ids, none of which has one"):
            VerifiedCounts(verified=ids).training_data(WORLD, seed=0)


@FEW
def test_ids_that_repeat_count_once_and_blanks_around_them_do_not_matter():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = VerifiedCounts(verified=(one for one in ["0 ", "1", 1, "1"]))
        weight = found.training_data(WORLD, seed=0).weight
    assert found.verified == ("0 ", "1", 1)
    (told,) = [str(warning.message) for warning in caught]
    assert "with interactions are 2" in told  # no id is unknown
    expected = VerifiedCounts(verified=[0, 1]).training_data(WORLD, seed=0).weight
    np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("verified", ["u5", b"u5", None, 3])
def test_verified_users_are_several_ids(verified):
    with pytest.raises(ValueError, match="`verified` should hold ids of users. Received: "):
        VerifiedCounts(verified=verified)


def test_a_fitting_function_gets_fewer_rows_of_what_is_not_believable():
    sizes = []
    fit_defended(lambda rows: sizes.append(len(rows)), WORLD, VerifiedCounts(verified=range(11)))
    with pytest.warns(UserWarning, match="with interactions are 2, fewer than 20"):
        fit_defended(lambda rows: sizes.append(len(rows)), WORLD, VerifiedCounts(verified=[0, 1]))
    assert sizes[0] == len(WORLD) > sizes[1]


@pytest.mark.parametrize("chance", [0.0, 1.0, float("nan"), "0.1"])
def test_a_chance_is_a_probability(chance):
    with pytest.raises(ValueError, match="`chance` should be in"):
        VerifiedCounts(chance=chance)


def test_a_chain_tells_its_parts_who_is_verified():
    parts = (CapContributions(), VerifiedCounts())
    chain = Chain(defences=parts).knowing(np.array(["a"]))
    assert chain.defences == (parts[0], dataclasses.replace(parts[1], verified=("a",)))
    assert Defence().knowing(["a"]) == Defence()
