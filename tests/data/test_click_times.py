import numpy as np
import pytest

from advrec_tf.data.click_times import DAY, in_sessions
from tests.worlds import interactions_of


def spread(num_users=20, per_user=30):
    """Each user has an interaction a day at midnight."""
    pairs = [(user, item) for user in range(num_users) for item in range(per_user)]
    times = [DAY * item for _ in range(num_users) for item in range(per_user)]
    return interactions_of(pairs, timestamp=times)


def test_the_order_of_every_user_and_everything_but_the_times_stay():
    data = spread()
    moved = in_sessions(data, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(moved.item_index, data.item_index)
    for user in range(data.num_users):
        assert (np.diff(moved.timestamp[moved.user_index == user]) > 0).all()
    again = in_sessions(data, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(again.timestamp, moved.timestamp)


def test_sessions_have_the_asked_for_length_and_gaps():
    data = spread(40, 60)
    moved = in_sessions(data, rng=np.random.default_rng(1), mean_session=4, gap_seconds=20)
    same_user = np.diff(data.user_index) == 0
    gaps = np.diff(moved.timestamp)[same_user]
    inside = gaps < 3600  # a log-normal gap of median 20 s and sigma 1.2 is longer once in 10^5
    assert 1 / (1 - inside.mean()) == pytest.approx(4, rel=0.1)
    assert np.median(gaps[inside]) == pytest.approx(20, rel=0.1)


def test_a_session_starts_within_the_waking_hours():
    moved = in_sessions(
        spread(30, 10), rng=np.random.default_rng(2), mean_session=1, waking_hours=2
    )
    hours = moved.timestamp % DAY / 3600  # of waking up from 5 to 10, then two hours
    assert hours.min() >= 5 and hours.max() <= 12.1


@pytest.mark.parametrize(
    "settings", [{"mean_session": 0.5}, {"gap_seconds": 0}, {"waking_hours": 25}]
)
def test_a_setting_out_of_its_range_is_refused(settings):
    with pytest.raises(ValueError, match="`mean_session` should be >= 1"):
        in_sessions(spread(), rng=np.random.default_rng(0), **settings)


def test_interactions_without_times_are_refused():
    with pytest.raises(ValueError, match="`interactions` should have times. Received none"):
        in_sessions(interactions_of([(0, 0)]), rng=np.random.default_rng(0))
