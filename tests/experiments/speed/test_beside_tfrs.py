import argparse
import dataclasses

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.splits import last_item
from experiments.speed import beside_tfrs
from tests.tracing import run_eagerly
from tests.worlds import interactions_of_ids


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    pairs = [(f"u{user}", f"i{item}") for user in range(12) for item in rng.permutation(8)[:5]]
    data = interactions_of_ids(pairs, timestamp=np.arange(float(len(pairs))))
    users = pd.DataFrame(
        {
            "age": np.arange(12) + 20,
            "gender": ["F", "M"] * 6,
            "occupation": ["artist", "lawyer", "other"] * 4,
            "zip": "00000",
        }
    )
    return last_item(dataclasses.replace(data, user_features=users))


def test_the_tutorial_reads_the_features_of_the_user_that_ours_has(split):
    data = beside_tfrs.with_features(split.train)
    assert [column.name for column in data.schema.user] == ["age", "gender", "occupation"]
    rows = beside_tfrs.rows_of(data, np.array([3, 0]))
    assert rows["user_id"].tolist() == data.users.ids[[3, 0]].tolist()
    assert rows["age"].tolist() == [23.0, 20.0] and rows["gender"].tolist() == ["M", "F"]
    assert rows["occupation"].tolist() == ["artist", "artist"]
    bare = dataclasses.replace(split.train, user_features=None)
    with pytest.raises(ValueError, match="should have age, gender, occupation of users"):
        beside_tfrs.with_features(bare)


def test_all_train_the_same_epochs_and_are_measured(split):
    args = argparse.Namespace(dim=4, rounds=1, epochs=2)
    with run_eagerly():
        found = beside_tfrs.measured(split, args, batch_size=18)
    assert found["trained_epochs"] == 4
    beside = {beside_tfrs.THEIRS, beside_tfrs.WITH_METRIC}
    assert set(found["examples_per_second"]) == set(found["metrics"]) == {"advrec_tf", *beside}
    assert set(found["times_as_fast"]) == beside
    assert all(0 <= value <= 1 for side in found["metrics"].values() for value in side.values())
    for ratios in found["times_as_fast"].values():
        assert len(ratios["clock"]) == len(ratios["processor"]) == 1


def test_the_page_has_the_median_and_the_range_of_the_turns():
    row = {
        "batch_size": 2048,
        "trained_epochs": 24,
        "examples_per_second": {"advrec_tf": 30_000.0, "TFRS": 10_000.0},
        "times_as_fast": {"TFRS": {"clock": [2.0, 4.0, 3.0], "processor": [2.5, 2.5, 2.5]}},
        "metrics": {
            "advrec_tf": {"recall@10": 0.25, "ndcg@10": 0.125},
            "TFRS": {"recall@10": 0.5, "ndcg@10": 0.0625},
        },
    }
    report = {"command": "python", "about": {"dim": 4}, "machine": {"cores": 2}, "rows": [row]}
    text = beside_tfrs.markdown(report, None)
    assert "| 2,048 | advrec_tf | 30,000 |  |  |  |  | 24 | 0.2500 | 0.1250 |" in text
    theirs = "| 2,048 | TFRS | 10,000 | x3.00 | x2.00 | x4.00 | x2.50 | 24 | 0.5000 | 0.0625 |"
    assert theirs in text
