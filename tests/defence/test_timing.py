import dataclasses
import math

import numpy as np
import pytest

from advrec_tf.defence import timing
from advrec_tf.defence.features import ProfileFeatures
from tests.worlds import interactions_of_times

HOUR = 3600.0


def events(times, items=None):
    """A list of times for each user, each with its own item unless given."""
    return interactions_of_times(times, items, max(20, sum(map(len, times))))


def columns_of(interactions):
    return timing.Clock.of(interactions, day=None, min_interactions=3).columns(interactions)


# Gaps 10, 10, 10 and 1, 19: the typical gap of all five is 10.
ROWS = events([[0, 10, 20, 30], [100, 101, 120], [500]])


@pytest.fixture(scope="module")
def columns():
    return columns_of(ROWS)


def test_the_typical_gap_is_the_median_within_users():
    assert timing.Clock.of(ROWS, day=None).typical_gap == 10.0


def test_gap_and_span_are_measured_in_typical_gaps(columns):
    assert columns["gap"][:2].tolist() == pytest.approx([0.0, 0.0])  # medians 10 and (1 + 19) / 2
    assert columns["span"][:2].tolist() == pytest.approx([math.log10(4), math.log10(3)])


def test_burstiness_equals_the_values_worked_by_hand(columns):
    # A clock: -1. Gaps 1 and 19: mean 10, deviation 9: (9 - 10) / 19.
    assert columns["burstiness"][:2].tolist() == pytest.approx([-1.0, -1 / 19])


def test_memory_correlates_a_gap_with_the_next():
    # Gaps whose logs fall and rise by turns: 1, 3, 1, 3 (log1p of 0.. after the typical gap).
    rows = events([[0, 1, 4, 5, 8]])
    # pairs (a, b), (b, a), (a, b): correlation -1
    assert columns_of(rows)["memory"][0] == pytest.approx(-1.0)


def test_rush_counts_the_busiest_window_of_sixty_typical_gaps():
    # Typical gap 1, window 60: six rows together, then one far away: 6 of 7.
    rows = events([[0, 1, 2, 3, 4, 5, 1000]])
    assert columns_of(rows)["rush"][0] == pytest.approx(6 / 7)


def test_lockstep_is_the_share_of_rows_that_another_user_joined():
    # Window 600. Item 0: users 0 and 1 within 5; item 1: the same user twice; item 2: far apart.
    times = [[0.0, 10.0, 20.0, 30.0], [5.0, 5000.0, 5010.0]]
    rows = events(times, items=[[0, 1, 1, 2], [0, 2, 3]])
    found = columns_of(rows)["lockstep"]
    assert found.tolist() == pytest.approx([1 / 4, 1 / 3])


def test_few_rows_get_the_rhythm_of_the_median_user(columns):
    assert columns["burstiness"][2] == pytest.approx(np.median([-1.0, -1 / 19]))


def test_the_entropy_of_uniform_draws_equals_the_values_worked_by_hand():
    assert timing.uniform_entropy(1) == pytest.approx(0.0)
    # Two draws of two classes: different with probability 1/2, then 1 bit.
    assert timing.uniform_entropy(2, classes=2) == pytest.approx(0.5)
    # Three draws of two: 3/4 of the time 2 to 1, whose entropy is log2 3 - 2/3.
    assert timing.uniform_entropy(3, classes=2) == pytest.approx(0.75 * (math.log2(3) - 2 / 3))


def test_someone_who_sleeps_has_less_hour_entropy_than_someone_who_does_not():
    day = 24 * HOUR
    awake = [d * day + 20 * HOUR for d in range(24)]
    always = [d * day + d * HOUR for d in range(24)]
    rows = events([awake, always])
    found = timing.Clock.of(rows, day=day).columns(rows)["hour_entropy"]
    usual = timing.uniform_entropy(24)
    assert found.tolist() == pytest.approx([0.0 - usual, math.log2(24) - usual])


def test_the_features_do_not_depend_on_the_unit_of_the_times():
    whole = timing.Clock.of(ROWS, day=86_400.0, min_interactions=3).columns(ROWS)
    scaled = events([[0, 10, 20, 30], [100, 101, 120], [500]])
    scaled.timestamp[:] *= 1000.0
    again = timing.Clock.of(scaled, day=86_400_000.0, min_interactions=3).columns(scaled)
    for name, column in whole.items():
        assert again[name].tolist() == pytest.approx(column.tolist()), name


def test_times_are_measured_only_where_there_are_some():
    assert "burstiness" in ProfileFeatures().fit(ROWS).names
    assert "hour_entropy" not in ProfileFeatures(day=None).fit(ROWS).names
    untimed = dataclasses.replace(ROWS, timestamp=None)
    assert "burstiness" not in ProfileFeatures().fit(untimed).names
    with pytest.raises(ValueError, match="should have times"):
        ProfileFeatures().fit(ROWS)(untimed)
    with pytest.raises(ValueError, match="`day` should be > 0"):
        ProfileFeatures(day=0.0).fit(ROWS)
