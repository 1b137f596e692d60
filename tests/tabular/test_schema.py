import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.tabular import files
from advrec_tf.tabular.files import read_table

ROWS = 60


def table(**columns):
    """60 rows with a number, a category and a label; `columns` replace or add."""
    rng = np.random.default_rng(0)
    base = {
        "spend": [f"{v:.2f}" for v in rng.lognormal(2, 1, ROWS)],
        "plan": [("free", "paid", "trial")[i % 3] for i in range(ROWS)],
        **columns,
        "churned": [("no", "yes")[i % 2] for i in range(ROWS)],
    }
    return pd.DataFrame(base)


@pytest.fixture
def write(tmp_path):
    def to_file(frame):
        path = tmp_path / "table.csv"
        frame.to_csv(path, index=False)
        return path

    return to_file


def test_one_category_only_cannot_be_the_label(write):
    frame = table()
    frame["churned"] = "no"
    with pytest.raises(DataError, match="expected a label that varies.*always 'no'"):
        read_table(write(frame))


def test_one_category_beside_missing_values_is_learned_as_two(write):
    read = read_table(write(table(coupon=["SPRING", ""] * 30)))
    assert read.schema["coupon"].kind == "category" and read.schema["coupon"].missing


def test_mixed_types_in_a_frame_are_refused_with_both_rows():
    frame = table(code=["a"] * 59 + [7])
    with pytest.raises(DataError, match="row 59, column 'code': expected a text, as in row 0"):
        files.table_schema.infer(frame)


def test_five_rows_are_too_few(write):
    with pytest.raises(DataError, match="expected at least 50 rows to learn from. Received 5"):
        read_table(write(table().head(5)))


def test_a_million_categories_are_refused_with_three_cures():
    items = pd.Series(np.append(np.arange(1_000_000), [0, 1]).astype(str), dtype=object)
    frame = pd.DataFrame({"item": items, "churned": np.arange(1_000_002) % 2})
    with pytest.raises(
        DataError,
        match="column 'item': expected at most 1,000 categories. Received 1,000,000 in 1,000,002 "
        "rows.*--drop item.*--identifier item.*--max-categories",
    ):
        files.table_schema.infer(frame)
