import math

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.gan.steering import mean_log_popularity, steer


def rows(pairs, num_users, num_items):
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


@pytest.fixture(scope="module")
def data():
    """Items 0, 1, 2 have 4, 2 and 1 rows; user 4 has none."""
    pairs = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 2)]
    return rows(pairs, 5, 3)


def test_mean_log_popularity_is_over_rows(data):
    # 4 rows of ln 4.5, 2 of ln 2.5, 1 of ln 1.5
    expected = (4 * math.log(4.5) + 2 * math.log(2.5) + math.log(1.5)) / 7
    assert mean_log_popularity(data) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cap", [0.0, 0.2, 0.5])
def test_the_drift_is_the_cap_worked_out_anew(data, cap):
    logits = np.log([[0.5, 0.3, 0.2]]).astype(np.float32)
    found = steer(logits, np.array([4]), data, cap=cap)
    popularity = np.log([4.5, 2.5, 1.5])
    p = np.array([0.5, 0.3, 0.2]) * np.exp(-found.gamma * popularity)
    drift = (p / p.sum()) @ popularity - mean_log_popularity(data)
    assert drift == pytest.approx(-cap, abs=1e-4)
    assert found.drift == pytest.approx(-cap, abs=1e-4)
    steered = np.exp(found.logits[0] - found.logits[0].max())
    np.testing.assert_allclose(steered / steered.sum(), p / p.sum(), rtol=1e-4)


def test_a_source_of_rarer_items_than_the_cap_allows_is_steered_back(data):
    rare = np.array([[-4.0, -2.0, 0.0]], np.float32)
    found = steer(rare, np.array([4]), data, cap=0.1)
    assert found.gamma < 0 and found.drift == pytest.approx(-0.1, abs=1e-4)


def test_items_a_user_has_take_no_part(data):
    found = steer(np.zeros((1, 3), np.float32), np.array([0]), data, cap=0.0)
    assert found.logits[0, :2].tolist() == [-np.inf, -np.inf]
    # only item 2 is left, whatever gamma is
    assert found.drift == pytest.approx(math.log(1.5) - mean_log_popularity(data), rel=1e-5)


def test_logits_given_are_not_altered(data):
    logits = np.zeros((1, 3), np.float32)
    steer(logits, np.array([0]), data, cap=0.1)
    assert (logits == 0).all()


def test_arguments_that_do_not_fit_are_refused(data):
    with pytest.raises(ValueError, match=r"`logits` should have shape \(1, 3\)"):
        steer(np.zeros((2, 3)), np.array([0]), data, cap=0.1)
    with pytest.raises(ValueError, match="`logits` should be numbers"):
        steer(np.full((1, 3), np.nan), np.array([4]), data, cap=0.1)
    with pytest.raises(ValueError, match="`cap` should be >= 0"):
        steer(np.zeros((1, 3)), np.array([4]), data, cap=-0.1)
