import numpy as np
import pandas as pd
import pytest

from advrec_tf.evaluation.two_sample import synthetic_to_real, two_sample_auc
from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.disclosure import RowMetric, disclosure, duplicate_share
from advrec_tf.tabular.fidelity import (
    Binning,
    column_distances,
    correlation_difference,
    fidelity,
    kolmogorov_smirnov,
    mode_coverage,
    total_variation,
    wasserstein,
)


@pytest.fixture(scope="module")
def real():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    return pd.DataFrame(
        {
            "x": x,
            "y": x + 0.2 * rng.normal(size=400),
            "kind": rng.choice(["a", "b", "c"], 400),
            "label": np.where(x > 0, "up", "down"),
        }
    )


@pytest.fixture(scope="module")
def schema(real):
    return table_schema.infer(real)


def shuffled(frame):
    rng = np.random.default_rng(1)
    return pd.DataFrame({name: rng.permutation(frame[name].to_numpy()) for name in frame})


def test_distances_of_samples_equal_the_values_worked_by_hand():
    # F1 - F2 is 1/2 on [1, 2), 1/2 on [2, 3) and 1/2 on [3, 4): KS 1/2, area 3/2
    first, second = np.array([1.0, 3.0]), np.array([2.0, 4.0])
    assert kolmogorov_smirnov(first, second) == 0.5
    assert wasserstein(first, second) == 1.0
    assert total_variation(np.array([3, 1]), np.array([1, 1])) == 0.25


def test_equal_tables_have_no_distance(real, schema):
    binning = Binning.of(real, schema)
    assert fidelity(real, real, binning)["distance"] == 0.0
    assert correlation_difference(real, real, binning)["largest"] == 0.0
    assert mode_coverage(real, real, binning) == 1.0
    for row in column_distances(real, real, binning).values():
        assert max(row.values()) == 0.0


def test_shuffled_columns_keep_their_marginals_and_lose_their_pairs(real, schema):
    binning = Binning.of(real, schema)
    found = fidelity(real, shuffled(real), binning)
    assert found["columns"] == 0.0 and found["pairs"] > 0.2
    # x and y are correlated by about .98 and then not at all
    assert correlation_difference(real, shuffled(real), binning)["largest"] > 0.8


def test_a_category_left_out_costs_half_of_what_it_had(real, schema):
    fraction = (real["kind"] == "c").mean()
    other = real.assign(kind=real["kind"].replace("c", "a"))
    binning = Binning.of(real, schema)
    found = column_distances(real, other, binning)["kind"]["total_variation"]
    assert found == pytest.approx(fraction)
    # cells: 10 of x, 10 of y, 3 kinds and 2 labels, one of which is not reached
    assert mode_coverage(real, other, binning) == pytest.approx(24 / 25)


def test_values_never_seen_are_a_cell_of_their_own(real, schema):
    binning = Binning.of(real, schema)
    other = real.assign(kind="z")
    assert column_distances(real, other, binning)["kind"]["total_variation"] == 1.0


def test_halves_of_one_table_cannot_be_told_apart_and_a_shift_can(real, schema):
    halves = real.iloc[:200], real.iloc[200:]
    assert two_sample_auc(*halves, schema) == pytest.approx(0.5, abs=0.08)
    moved = halves[1].assign(x=halves[1]["x"] + 3, y=halves[1]["y"] + 3)
    assert two_sample_auc(halves[0], moved, schema) > 0.9


def test_a_label_torn_from_its_columns_cannot_be_learned(real, schema):
    train, test = real.iloc[:300], real.iloc[300:]
    good = synthetic_to_real(train, train, test, schema)
    assert good["measure"] == "auc" and good["real"] > 0.95 and good["ratio"] == 1.0
    torn = synthetic_to_real(train, shuffled(train), test, schema)
    assert torn["synthetic"] == pytest.approx(0.5, abs=0.2)


def test_a_row_is_as_far_as_its_columns_say(real, schema):
    metric = RowMetric(real, schema)
    row = real.iloc[[0]]
    other = row.assign(kind="a" if row["kind"].iloc[0] != "a" else "b")
    # one of four columns differs, by 1
    distance = metric.nearest(metric.encode(row), metric.encode(other))
    assert distance[0, 0] == pytest.approx(0.25)


def test_a_row_is_not_its_own_neighbor(real, schema):
    metric = RowMetric(real, schema)
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
    assert duplicate_share(other, real, schema) == 0.5


def test_where_real_rows_repeat_their_distance_is_no_measure():
    frame = pd.DataFrame({"plan": list("ab") * 60, "active": [0, 1, 1] * 40})
    schema = table_schema.infer(frame)
    found = disclosure(frame, frame.iloc[:60], schema)
    assert found["nearest_ratio"] is None and found["duplicates"] == 0.0
