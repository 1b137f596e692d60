import dataclasses

import numpy as np
import pytest

from advrec_tf.data import filters, splits
from advrec_tf.pipelines.audit import data
from tests.worlds import interactions_of, split_of


@pytest.fixture(autouse=True)
def quick(monkeypatch, request):
    """Suspicion is left out where a test is about something else."""
    if "suspicious" not in request.node.name:
        monkeypatch.setattr(data, "suspicious", lambda interactions, seed: {"share": 0.0})


def test_rows_that_are_written_twice_are_found(world):
    twice = world.select(np.concatenate([np.arange(len(world)), np.arange(64)]))
    once = filters.without_repeats(twice).interactions
    found = data.measure(twice, splits.last_item(once))
    # 64 of 704 rows repeat an earlier one.
    assert found["repeated_pairs"] == pytest.approx(64 / 704) and found["rows"] == 704
    assert data.measure(world, splits.last_item(world))["repeated_pairs"] == 0.0


def test_a_split_that_trains_on_the_future_is_found():
    # Item 1 is first trained on at time 5; one of two test rows is earlier than that.
    train = interactions_of([(0, 0), (1, 1)], 2, 4, timestamp=[1, 5])
    test = interactions_of([(0, 2), (1, 3)], 2, 4, timestamp=[3, 6])
    assert data.measure(train, split_of(train, test))["future"] == 0.5


def test_without_times_nothing_is_said_of_the_future(world):
    timeless = dataclasses.replace(world, timestamp=None)
    found = data.measure(timeless, splits.last_item(timeless))
    assert found["future"] is None and found["tied_test"] is None


def test_ids_that_are_only_tested_are_counted():
    train = interactions_of([(0, 0)], 3, 3)
    test = interactions_of([(0, 1), (1, 0)], 3, 3)
    found = data.measure(train, split_of(train, test))
    # User 1 of two, and item 1 of two.
    assert found["users_only_in_test"] == found["items_only_in_test"] == 0.5


def test_a_ring_of_fakes_is_suspicious_with_reasons():
    """60 people on 50 items, and eight who give ten others the highest rating."""
    rng = np.random.default_rng(0)
    rows = [
        (user, item, rng.integers(2, 5))
        for user in range(60)
        for item in rng.choice(50, int(rng.integers(6, 14)), replace=False)
    ]
    rows += [(60 + fake, 50 + item, 5) for fake in range(8) for item in range(10)]
    found = data.suspicious(interactions_of(rows))
    fakes = {str(user) for user in range(60, 68)}
    assert fakes <= {row["user"] for row in found["users"]} and found["share"] >= 8 / 68
    assert all(row["reasons"] for row in found["users"])


def test_too_few_users_for_suspicious_ones_are_told():
    assert "at least 10 users" in data.suspicious(interactions_of([(0, 0), (0, 1)]))["not_possible"]
