import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from advrec_tf.tabular import schema
from advrec_tf.tabular.export import check_generator, export_generator
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.served import _dates, names_of
from advrec_tf.tabular.transform import TableTransform


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 200
    moments = np.datetime64("1969-06-01T00:00:00") + rng.integers(0, 10**9, n)
    return pd.DataFrame(
        {
            "the group": rng.choice(["a", "b", None], n),
            "spend": np.round(rng.lognormal(3, 1, n), 2),
            "visits": rng.integers(1, 400, n),
            "stars": rng.integers(1, 6, n),
            "score": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "when": moments,
            "day": moments.astype("datetime64[D]").astype("datetime64[s]"),
            "member": pd.array(rng.choice([True, False, None], n), dtype="boolean"),
            "flag": rng.random(n) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def model(frame):
    transform = TableTransform.fit(frame, schema.infer(frame))
    return build_table_gan(transform, conditional=("the group", "flag", "visits"))


def test_dates_in_the_graph_are_those_of_the_calendar():
    days = np.array(["1899-12-31", "1970-01-01", "2000-02-29", "2023-03-01", "2100-02-28"])
    seconds = days.astype("datetime64[s]").astype(np.int64).astype(np.float64)
    texts = _dates(tf.constant([*seconds, np.nan], tf.float64), day=True).numpy()
    assert [t.decode() for t in texts] == [*days, ""]
    text = _dates(tf.constant([-1.0], tf.float64), day=False).numpy()[0]
    assert text == b"1969-12-31T23:59:59"


def test_columns_that_come_to_one_name_are_numbered(frame, tmp_path):
    assert names_of(["a b", "a_b", "\u6771\u4eac", "\u4eac\u90fd", "seed", "a_b_2"]) == {
        "a b": "a_b",
        "a_b": "a_b_2",
        "\u6771\u4eac": "c___",
        "\u4eac\u90fd": "c____2",
        "seed": "seed_2",
        "a_b_2": "a_b_2_2",
    }
    renamed = frame.rename(columns={"spend": "the_group"})
    transform = TableTransform.fit(renamed, schema.infer(renamed))
    model = build_table_gan(transform)
    path = export_generator(model, tmp_path / "model")
    assert check_generator(path, model).rows > 0
    noted = json.loads((path / "assets.extra" / "advrec_tf.json").read_text())["columns"]
    assert sorted(noted) == sorted(transform.layout.names)
    assert len(set(noted.values())) == len(noted)
