import dataclasses

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data import splits
from advrec_tf.pipelines.audit import fairness
from advrec_tf.pipelines.audit.groups import Grouping
from tests.worlds import interactions_of


def test_a_scorer_that_serves_one_group_worse_is_found(make_case, noise, split):
    served = split.test.user_index % 2 == 0
    scores = noise.copy()
    scores[split.test.user_index[served], split.test.item_index[served]] = 10.0
    found = fairness.measure(make_case(scores))
    row = found["columns"]["taste"]
    assert row["groups"]["even"]["value"] == [1.0, 0.0] and row["worst"] == "odd"
    assert found["worst_column"] == "taste" and found["worst_ratio"] == row["ratio"] < 0.8
    assert row["p_value"] <= 1 / 1000


def test_noise_treats_groups_alike(make_case, noise):
    found = fairness.measure(make_case(noise))
    assert found["worst_ratio"] == 1.0 and found["worst_column"] is None
    assert found["columns"]["taste"]["p_value"] > 0.05


def test_without_columns_of_users_nothing_is_judged(make_case, noise, world):
    plain = splits.last_item(dataclasses.replace(world, user_features=None))
    found = fairness.measure(make_case(noise, of=plain))
    assert found["worst_ratio"] is None and found["attributes"] == []
    assert found["no_worst_ratio"].startswith("The data have no columns of users")
    alike = pd.DataFrame({"taste": ["same"] * world.num_users})
    alone = splits.last_item(dataclasses.replace(world, user_features=alike))
    why = fairness.measure(make_case(noise, of=alone))["no_worst_ratio"]
    assert why.startswith("No column of users (taste) has two groups with 10 measured users each")


def test_the_gap_is_worst_over_best():
    grouping = Grouping(column="c", names=("a", "b"), group=np.array([0, 0, 1, 1, -1]))
    found = fairness.by_group(np.array([0.5, 0.3, 0.2, 0.0, 9.0]), grouping)
    assert found["ratio"] == pytest.approx(0.1 / 0.4) and found["worst"] == "b"
    assert found["groups"]["a"]["users"] == 2
    # Of 6 ways to choose two of four users 2 have this gap or more.
    assert found["p_value"] == pytest.approx(1 / 3, abs=0.05)


def test_exposure_of_the_tail_is_its_share_of_places_over_its_share_of_interactions():
    # Item 0 is the head (a fifth of 5 items); the tail has 2 of 5 interactions.
    train = interactions_of([(0, 0), (1, 0), (2, 0), (0, 1), (1, 2)], 3, 5)
    lists = np.array([[0, 1], [0, -1], [0, 0]])  # 1 of 5 places
    assert fairness.tail_exposure(train, lists) == pytest.approx((1 / 5) / (2 / 5))
    head_only = interactions_of([(0, 0)], 1, 5)
    assert fairness.tail_exposure(head_only, lists) is None


def test_exposure_by_category_is_of_yes_or_no_columns_and_of_names():
    table = pd.DataFrame({"War": [True, False], "year": [1.0, 2.0], "kind": ["a", "b"]})
    train = interactions_of([(0, 0), (1, 0), (1, 1)], 2, 2, item_features=table)
    found = fairness.category_exposure(train, np.array([[1, 1], [0, -1]]))
    assert set(found) == {"War", "kind a", "kind b"}
    assert found["War"]["ratio"] == pytest.approx((1 / 3) / (2 / 3))
    assert found["kind b"]["ratio"] == pytest.approx((2 / 3) / (1 / 3))
