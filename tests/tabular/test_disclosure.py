import pandas as pd
import pytest

from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.disclosure import RecordMetric, disclosure, duplicate_fraction


def test_a_row_is_as_far_as_its_columns_say(real, schema):
    metric = RecordMetric(real, schema)
    row = real.iloc[[0]]
    other = row.assign(kind="a" if row["kind"].iloc[0] != "a" else "b")
    # one of four columns differs, by 1
    distance = metric.nearest(metric.encode(row), metric.encode(other))
    assert distance[0, 0] == pytest.approx(0.25)


def test_a_row_is_not_its_own_neighbor(real, schema):
    metric = RecordMetric(real, schema)
    rows = metric.encode(real)
    assert metric.nearest(rows, rows)[:, 0].max() == 0.0
    assert metric.nearest(rows, rows, same=True)[:, 0].min() > 0.0


def test_copies_are_seen_by_every_measure_and_fresh_rows_by_none(real, schema):
    train, held, fresh = real.iloc[:150], real.iloc[150:300], real.iloc[300:]
    copied = disclosure(train, train, schema, holdout=held)
    assert copied["duplicates"] == 1.0 and copied["nearest_ratio"] == 0.0
    assert copied["membership_auc"] > 0.95
    honest = disclosure(train, fresh, schema, holdout=held)
    assert honest["duplicates"] == 0.0
    assert honest["nearest_ratio"] == pytest.approx(1.0, abs=0.25)
    assert honest["membership_auc"] < 0.6


def test_without_held_out_rows_membership_is_not_measured(real, schema):
    assert "membership_auc" not in disclosure(real.iloc[:100], real.iloc[100:], schema)


def test_rows_that_agree_in_all_but_one_column_are_no_copies(real, schema):
    other = real.copy()
    other.loc[:199, "kind"] = "z"
    assert duplicate_fraction(other, real, schema) == 0.5


def test_where_real_rows_repeat_their_distance_is_no_measure():
    frame = pd.DataFrame({"plan": list("ab") * 60, "active": [0, 1, 1] * 40})
    schema = table_schema.infer(frame)
    found = disclosure(frame, frame.iloc[:60], schema)
    assert found["nearest_ratio"] is None and found["duplicates"] == 0.0
