"""Tables as choices and numbers, and back."""

import json

import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular import schema
from advrec_tf.tabular.transform import RowLayout, TableTransform, widen


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 600
    return pd.DataFrame(
        {
            "user_id": np.arange(n) + 5,
            "age": rng.integers(18, 80, n),
            "spend": np.where(rng.random(n) < 0.3, 0.0, np.round(rng.lognormal(3, 1, n), 2)),
            "plan": rng.choice(["a", "b", None], n),
            "active": rng.random(n) < 0.5,
            "joined": (
                np.datetime64("2020-01-01") + rng.integers(0, 900, n).astype("timedelta64[D]")
            ).astype("datetime64[s]"),
            "empty": np.full(n, np.nan),
            "score": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "stars": rng.integers(1, 6, n),
        }
    )


@pytest.fixture(scope="module")
def transform(frame):
    return TableTransform.fit(frame, schema.infer(frame))


def test_decoding_gives_back_the_columns_types_and_values(frame, transform):
    back = transform.decode(transform.encode(frame))
    assert list(back.columns) == list(frame.columns)
    assert (back.dtypes == frame.dtypes).all()
    # a number is kept as float32: a cent may be lost of some hundreds
    np.testing.assert_allclose(back["spend"], frame["spend"], atol=0.0101)
    for name in ("age", "plan", "active", "joined", "empty", "stars"):
        pd.testing.assert_series_equal(back[name], frame[name])
    np.testing.assert_allclose(back["score"], frame["score"], atol=1e-5)
    # identifiers are new ones: 5 + 600 is the first not used
    assert back["user_id"].tolist() == list(range(605, 1205))


def test_a_transform_survives_json(frame, transform):
    again = TableTransform.from_dict(json.loads(json.dumps(transform.as_dict())))
    rows = transform.encode(frame)
    pd.testing.assert_frame_equal(again.decode(rows), transform.decode(rows))
    np.testing.assert_array_equal(again.encode(frame).choices, rows.choices)


def test_a_value_that_was_not_fitted_is_refused_by_name(frame, transform):
    other = frame.assign(plan="z")
    with pytest.raises(ValueError, match="Column 'plan' should hold values.*Received: 'z'"):
        transform.encode(other)
    with pytest.raises(ValueError, match="'age' had no missing value.*Received 600"):
        transform.encode(frame.assign(age=np.nan))


def test_a_dense_row_holds_the_numbers_and_then_a_block_a_column():
    layout = RowLayout(names=("a", "b"), widths=(3, 2), modes=(0, 2))
    assert (layout.num_numbers, layout.width, layout.starts) == (1, 6, (1, 4))
    assert layout.columns_at().tolist() == [1, 0, 0, 0, 1, 1]
    from advrec_tf.tabular.transform import EncodedRows

    rows = EncodedRows(np.array([[2, 1]], np.int32), np.array([[0.5]], np.float32))
    assert widen(rows, layout).tolist() == [[0.5, 0, 0, 1, 0, 1]]
