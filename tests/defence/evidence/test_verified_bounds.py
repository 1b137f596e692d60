import math

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.chain import Chain
from advrec_tf.defence.evidence.verified_bounds import BoundedRanking, VerifiedBounds, scales
from advrec_tf.defence.evidence.weights import CapContributions
from advrec_tf.defence.fitting import fit_defended
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.baselines import EASE, Popularity
from tests.worlds import interactions_of, interactions_of_matrix

FEW = pytest.mark.filterwarnings("ignore:Verified users with interactions are")
RNG = np.random.default_rng(0)
REAL = (RNG.random((30, 12)) < 0.4).astype(int)
REAL[np.arange(30), np.arange(30) % 12] = 1  # nobody has nothing
VERIFIED = tuple(range(12))


def with_accounts(count: int) -> Interactions:
    """The real users, and accounts that all have items 0 and 1."""
    accounts = np.zeros((count, REAL.shape[1]), int)
    accounts[:, :2] = 1
    return interactions_of_matrix(np.concatenate([REAL, accounts]))


def fit(rows, weight):
    return EASE(l2=5.0).fit(rows, weight=weight)


def defended(interactions, width):
    defence = VerifiedBounds(verified=VERIFIED, widths=[width])
    return fit_defended(fit, interactions, defence, weighted=True)


def of_scores(scores):
    scores = np.asarray(scores, np.float32)
    return MatrixRecommender(scores=scores, interactions=interactions_of([], *scores.shape))


def test_a_score_is_moved_no_further_than_the_bounds():
    ranking = BoundedRanking(
        model=of_scores([[5.0, 1.0, -9.0], [5.0, 1.0, 0.4]]),
        anchor=of_scores([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
        user_scale=np.array([1.0, 2.0]),
        item_scale=np.array([0.5, 0.5, 0.25]),
        width=2.0,
    )
    # Room of user 0: 1, 1, .5; of user 1: 2, 2, 1.
    np.testing.assert_allclose(ranking.score([0, 1]), [[2, 1, 0.5], [3, 1, 0.4]])
    np.testing.assert_allclose(ranking.frozen().score([1]), [[3, 1, 0.4]])
    least, highest = ranking.bounds([0])
    np.testing.assert_allclose(least, [[0, 0, 0.5]])
    np.testing.assert_allclose(highest, [[2, 2, 1.5]])


def test_scales_are_what_two_halves_disagree_by_hand():
    # Users 0 and 1 are verified; user 0 has item 0. Differences: 3 on item 1, 4 on item 2 for
    # user 0; 1, 1, 2 for user 1; 6 everywhere for user 2.
    one = of_scores([[0, 0, 0], [0, 0, 0], [0, 0, 0]])
    other = of_scores([[9, 3, 4], [1, 1, 2], [6, 6, 6]])
    data = interactions_of([(0, 0)], 3, 3)
    raters = [np.array([1, 0, 3]), np.array([0, 0, 1]), np.array([1, 0, 1])]
    of_user, of_item = scales([one, other], data, np.array([0, 1]), raters)
    # By user: (9 + 16) / 2 = 12.5, (1 + 1 + 4) / 3 = 2, 36; the mean of the verified is 7.25.
    np.testing.assert_allclose(of_user, np.sqrt(np.array([12.5, 2, 36]) / 7.25), rtol=1e-6)
    # No rater: item 0 in the first half (1 from user 1), item 1 in both (9 + 1 each):
    # 21 over 5 values. One rater: item 0 in the second half (1), item 2 in both (16 + 4 each):
    # 41 over 5. The verified have item 0 once, item 1 never and item 2 three times: as once, since
    # no half has anything so often.
    np.testing.assert_allclose(of_item, np.sqrt([41 / 5, 21 / 5, 41 / 5]), rtol=1e-6)


def test_halves_that_agree_leave_no_room():
    same = of_scores(np.ones((2, 3)))
    raters = [np.ones(3, int)] * 3
    of_user, of_item = scales([same, same], interactions_of([], 2, 3), np.array([0, 1]), raters)
    np.testing.assert_array_equal(of_user, 0.0)
    np.testing.assert_array_equal(of_item, 0.0)


@FEW
def test_no_number_of_accounts_moves_the_bounds_of_real_users():
    users = np.arange(30)
    alone, attacked = (defended(with_accounts(count), 1.0) for count in (0, 200))
    for clean, changed in zip(alone.bounds(users), attacked.bounds(users), strict=True):
        np.testing.assert_allclose(changed, clean, atol=1e-5)
    least, highest = alone.bounds(users)
    assert (np.asarray(highest) > np.asarray(least)).all()
    scores = np.asarray(attacked.score(users))
    assert (scores >= np.asarray(least) - 1e-5).all()
    assert (scores <= np.asarray(highest) + 1e-5).all()
    # Without the bounds the accounts move scores far beyond them.
    free = np.asarray(fit(with_accounts(200), None).score(users))
    assert (np.abs(free - np.asarray(alone.score(users))) > 0.2).any()


@FEW
def test_width_0_is_the_verified_users_alone_and_infinity_the_model_of_all():
    data = with_accounts(10)
    users = np.arange(30)
    weight = np.isin(data.user_index, VERIFIED).astype(np.float32)
    np.testing.assert_allclose(
        defended(data, 0.0).score(users), fit(data, weight).score(users), atol=1e-6
    )
    np.testing.assert_allclose(
        defended(data, math.inf).score(users), fit(data, None).score(users), atol=1e-6
    )


@FEW
def test_validation_takes_the_narrowest_width_that_keeps_enough():
    def width(data, tolerance):
        defence = VerifiedBounds(verified=VERIFIED, widths=[math.inf, 0.0], tolerance=tolerance)
        return fit_defended(fit, data, defence, weighted=True).width

    # The others have items that no verified user has, in two kinds: of these the anchor is silent.
    foreign = np.zeros((60, 16), int)
    foreign[:12, :6] = REAL[:12, :6]
    foreign[12:36, 6:11] = foreign[36:, 11:] = RNG.random((24, 5)) < 0.7
    assert width(interactions_of_matrix(foreign), 0.01) == math.inf
    assert width(with_accounts(0), 0.99) == 0.0


@FEW
def test_the_anchor_does_not_know_weights_that_accounts_could_have_moved():
    defence = VerifiedBounds(verified=VERIFIED, widths=[0.0])
    data = with_accounts(20)
    chained = Chain(defences=(CapContributions(), defence))
    plain, behind = (
        fit_defended(fit, data, one, weighted=True).score(np.arange(30))
        for one in (defence, chained)
    )
    np.testing.assert_allclose(plain, behind, atol=1e-6)


@FEW
def test_a_model_that_knows_no_weights_is_refused():
    defence = VerifiedBounds(verified=VERIFIED, widths=[1.0])
    with pytest.raises(ValueError, match="`train` should weigh interactions .* Received EASE"):
        fit_defended(lambda rows: EASE().fit(rows), with_accounts(3), defence)
    one = Popularity()
    with pytest.raises(ValueError, match="`train` should give a new model each time"):
        fit_defended(lambda rows, weight: one.fit(rows), with_accounts(3), defence, weighted=True)


@FEW
def test_two_verified_users_at_least_are_needed():
    for ids, message in (([3], "two users with interactions"), ([99], "none of which has one")):
        defence = VerifiedBounds(verified=ids)
        with pytest.raises(ValueError, match=message):
            fit_defended(fit, with_accounts(0), defence, weighted=True)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"widths": []}, "widths"),
        ({"widths": [-1.0]}, "widths"),
        ({"widths": [float("nan")]}, "widths"),
        ({"widths": ["a"]}, "widths"),
        ({"widths": 0.5}, "widths"),
        ({"tolerance": "1"}, "tolerance"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"verified": "u1"}, "verified"),
    ],
)
def test_arguments_out_of_range_are_refused(settings, name):
    with pytest.raises(ValueError, match=f"`{name}` should"):
        VerifiedBounds(**settings)


def test_a_width_is_not_negative():
    model = of_scores(np.ones((1, 2)))
    ranking = BoundedRanking(
        model=model, anchor=model, user_scale=np.ones(1), item_scale=np.ones(2), width=0.5
    )
    assert repr(ranking) == (
        "BoundedRanking(model=MatrixRecommender, anchor=MatrixRecommender, width=0.5)"
    )
    with pytest.raises(ValueError, match="`width` should be >= 0"):
        BoundedRanking(
            model=model, anchor=model, user_scale=np.ones(1), item_scale=np.ones(2), width=-1.0
        )
