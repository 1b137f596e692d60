"""Tables above memory: what a process needs that trains on shards, beside one that holds them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from advrec_tf.data.streams.writing import write_shards
from tests.children import found_by

CHILD = Path(__file__).with_name("trained_in_child.py")
KINDS = {
    "user_id": "int",
    "spend": "float",
    "visits": "int",
    "age": "float",
    "joined": "time",
    "plan": "string",
    "country": "string",
    "active": "bool",
    "churned": "string",
}


def made_rows(count, block=2**16):
    """Behaviour of so many users, whose churn depends on their visits."""
    rng = np.random.default_rng(0)
    plans = pa.array(["free", "paid", "trial"])
    countries = pa.array([f"c{number:03d}" for number in range(150)])
    for begin in range(0, count, block):
        size = min(block, count - begin)
        visits = rng.poisson(8, size)
        age = rng.integers(18, 90, size).astype(float)
        age[rng.random(size) < 0.1] = np.nan
        days = rng.integers(0, 1500, size).astype("timedelta64[D]")
        churned = rng.random(size) < 1 / (1 + np.exp(visits - 8.0))
        yield pa.table(
            {
                "user_id": begin + np.arange(size),
                "spend": np.round(rng.lognormal(3, 1, size), 2),
                "visits": visits,
                "age": pa.array(age, from_pandas=True),
                "joined": (np.datetime64("2020-01-01") + days).astype("datetime64[us]"),
                "plan": plans.take(pa.array(rng.integers(0, 3, size))),
                "country": countries.take(pa.array((rng.random(size) ** 3 * 150).astype(int))),
                "active": rng.random(size) < 0.4,
                "churned": pa.array(["no", "yes"]).take(pa.array(churned.astype(int))),
            }
        )


@pytest.mark.slow
def test_three_million_rows_train_in_half_the_memory_that_holding_them_takes(tmp_path):
    write_shards(made_rows(3_000_000), tmp_path / "shards", kinds=KINDS)
    streamed = found_by(CHILD, "streamed", tmp_path / "shards")
    memory = found_by(CHILD, "memory", tmp_path / "shards")
    print(json.dumps({"streamed": streamed, "memory": memory}))
    assert streamed["rows"] == memory["rows"] == 2_980_000
    assert streamed["peak_mib"] < 0.5 * memory["peak_mib"]
    assert streamed["distance"] == pytest.approx(memory["distance"], rel=0.2)
