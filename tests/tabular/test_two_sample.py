import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.two_sample import feature_matrices, two_sample_auc

pytest.importorskip("sklearn", reason="needs the extra `analysis`")


def test_categories_are_numbered_alike_in_all_tables_and_missing_values_stay_missing():
    first = pd.DataFrame({"kind": ["b", "a", None] * 20, "x": np.arange(60) / 7, "y": [0, 1] * 30})
    second = first.iloc[1:3].assign(kind=["c", "a"])
    matrices, categorical = feature_matrices([first, second], table_schema.infer(first))
    assert categorical == [0]
    np.testing.assert_array_equal(matrices[0][:3, 0], [0, 1, np.nan])
    np.testing.assert_array_equal(matrices[1][:, 0], [2, 1])
    assert matrices[1].shape == (2, 3) and matrices[1][0, 1] == 1 / 7


def test_halves_of_one_table_cannot_be_told_apart_and_a_shift_can(real, schema):
    halves = real.iloc[:200], real.iloc[200:]
    assert two_sample_auc(*halves, schema) == pytest.approx(0.5, abs=0.08)
    moved = halves[1].assign(x=halves[1]["x"] + 3, y=halves[1]["y"] + 3)
    assert two_sample_auc(halves[0], moved, schema) > 0.9
