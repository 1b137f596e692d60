import numpy as np
import pyarrow as pa
import pytest

import advrec_tf as ar
from advrec_tf.data.streams.encoding import Encoder, count_unknown
from tests.data.streams.worlds import KINDS, parquet_shards


@pytest.fixture(scope="module")
def ids(tmp_path_factory):
    """Users 0 to 6, items "i0" to "i4"."""
    return ar.data.count_ids(ar.data.stream(parquet_shards(tmp_path_factory.mktemp("shards"))))


def test_rows_become_indices_and_those_without_are_dropped(ids):
    users = [3, None, 9, 1, 3]
    table = pa.table({"user_id": users, "item_id": [" i2 ", "i0", "i0", "x", "i4"]})
    found = Encoder(ids, KINDS)(table)
    assert found["user_index"].tolist() == [3, 3] and found["item_index"].tolist() == [2, 4]
    assert found["user_index"].dtype == np.int32 and "label" not in found


def test_ids_of_integers_and_the_same_as_text_are_one(ids):
    table = pa.table({"user_id": ["3", "3.5"], "item_id": ["i2", "i2"]})
    found = Encoder(ids, {**KINDS, "user_id": "string"})(table)
    assert found["user_index"].tolist() == [3]


def test_withheld_pairs_are_dropped_and_the_label_follows_its_row(ids):
    table = pa.table({"user_id": [0, 6, 6], "item_id": ["i1", "i4", "i0"], "rating": [1, 2, None]})
    kinds = {**KINDS, "rating": "int"}
    withheld = np.array([0 * 5 + 1, 6 * 5 + 0])
    found = Encoder(ids, kinds, "rating", withheld)(table)
    assert found["user_index"].tolist() == [6] and found["label"].tolist() == [2.0]
    kept = Encoder(ids, kinds, "rating", np.array([], np.int64))(table)
    assert kept["label"].tolist() == pytest.approx([1.0, 2.0, np.nan], nan_ok=True)


def test_unknown_and_missing_ids_are_counted_by_column(ids):
    table = pa.table({"user_id": [3, None, 9, 9], "item_id": ["i0", "i0", "i0", "x"]})
    left_out, new = {}, {}
    for part in (ids.users, ids.items):
        count_unknown(Encoder(ids, KINDS), table, part, left_out, new)
    assert left_out == {
        "without user_id": 1,
        "user_id not in the vocabulary": 2,
        "item_id not in the vocabulary": 1,
    }
    assert [values.tolist() for values in new["user_id"].counts()] == [[9], [2]]
