import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular.fidelity import (
    Binning,
    column_distances,
    correlation_difference,
    features_of,
    fidelity,
    kolmogorov_smirnov,
    mode_coverage,
    total_variation,
    wasserstein,
)
from advrec_tf.tabular.schema import infer


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


def test_shuffled_columns_keep_their_marginals_and_lose_their_pairs(real, shuffled, schema):
    binning = Binning.of(real, schema)
    found = fidelity(real, shuffled, binning)
    assert found["columns"] == 0.0 and found["pairs"] > 0.2
    # x and y are correlated by about .98 and then not at all
    assert correlation_difference(real, shuffled, binning)["largest"] > 0.8


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


def test_rare_categories_alone_and_a_column_without_values_have_no_correlation():
    frame = pd.DataFrame(
        {"town": [f"t{i % 150}" for i in range(300)], "label": [f"l{i % 150}" for i in range(300)]}
    )
    binning = Binning.of(frame, infer(frame))
    assert features_of(frame, frame, binning)[0].shape == (300, 0)
    assert correlation_difference(frame, frame, binning) == {"mean": 0.0, "largest": 0.0}
    frame["seen"] = np.where(np.arange(300) < 2, 1.0 * np.arange(300), np.nan)
    binning = Binning.of(frame, infer(frame, label="label"))
    features, _ = features_of(frame.iloc[2:], frame.iloc[2:], binning)
    assert features.tolist() == [[0.5]] * 298
