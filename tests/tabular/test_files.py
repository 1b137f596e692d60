"""Tables in files: every malformed one is refused, or said, in words of its own."""

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.tabular import files
from advrec_tf.tabular.files import read_like, read_table, write_table

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


def test_kinds_are_known_by_their_look_and_the_last_column_is_the_label(write):
    read = read_table(
        write(
            table(
                user_id=range(100, 100 + ROWS),
                active=["TRUE", "FALSE"] * 30,
                joined=["2024-02-29", "2023-12-31"] * 30,
                seen=["2024-02-29T10:00:00", ""] * 30,
            )
        )
    )
    kinds = {column.name: column.kind for column in read.schema.columns}
    assert kinds == {
        "spend": "number",
        "plan": "category",
        "user_id": "identifier",
        "active": "boolean",
        "joined": "date",
        "seen": "date",
        "churned": "category",
    }
    assert read.schema.label == "churned"
    assert read.schema["spend"].decimals == 2
    assert read.schema["joined"].day and not read.schema["seen"].day
    assert read.schema["user_id"].following == 160
    assert read.frame["seen"].isna().sum() == 30


def test_a_constant_column_is_repeated_and_said(write):
    read = read_table(write(table(country=["NL"] * ROWS)))
    assert read.schema["country"].kind == "constant"
    assert read.schema.noticed == (
        "country has nothing to learn, since it is always 'NL': it is repeated as it is",
    )


def test_a_column_without_any_value_is_repeated_and_said(write):
    read = read_table(write(table(note=["", "NA", "null"] * 20)))
    assert read.schema["note"].kind == "constant" and read.schema["note"].value is None
    assert "note has nothing to learn, since every value is missing" in str(read)


def test_mixed_types_are_refused_with_their_line_and_the_cure(write):
    ages = [str(20 + i % 40) for i in range(ROWS)]
    ages[4] = "unknown"
    with pytest.raises(
        DataError,
        match="line 6, column 'age': expected a number. Received: 'unknown', where most values "
        "are numbers. If age is a category, say `--category age`",
    ):
        read_table(write(table(age=ages)))
    read = read_table(write(table(age=ages)), kinds={"age": "category"})
    assert read.schema["age"].kind == "category"


def test_a_row_of_another_length_is_refused_with_its_line(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(DataError, match="line 3: expected 2 fields split at ','. Received 3"):
        read_table(path)


def test_a_file_without_rows_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("\n")
    with pytest.raises(DataError, match="starts with a blank line"):
        read_table(path)


def test_an_unknown_label_and_an_unknown_dropped_column_are_refused(write):
    path = write(table())
    with pytest.raises(DataError, match="expected a label column 'sold'"):
        read_table(path, label="sold")
    with pytest.raises(ValueError, match="`drop` and `kinds` should name columns.*'nothing'"):
        read_table(path, drop=["nothing"])


def test_a_column_name_given_twice_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,a\n1,2\n")
    with pytest.raises(DataError, match=r"Received 'a' as columns 1, 2"):
        read_table(path)


def test_rows_are_written_as_the_file_spelled_them(write, tmp_path):
    frame = table(
        active=["Yes", "no"] * 30,
        member=["TRUE", "FALSE", ""] * 20,
        joined=["2024-02-29", "2023-12-31", ""] * 20,
        visits=[str(i % 37) for i in range(ROWS)],
    )
    read = read_table(write(frame))
    out = tmp_path / "out.csv"
    write_table(read.frame, read.schema, out)
    assert out.read_text() == (tmp_path / "table.csv").read_text()


def test_columns_are_read_the_same_in_blocks(write, monkeypatch):
    path = write(table(note=[""] * 30 + ["late"] * 30, when=[""] * 20 + ["2024-01-01"] * 40))
    whole = read_table(path)
    monkeypatch.setattr(files, "BLOCK_ROWS", 7)
    blocks = read_table(path)
    pd.testing.assert_frame_equal(whole.frame, blocks.frame)
    assert whole.schema == blocks.schema


def test_leading_zeros_make_a_category_and_are_kept(write, tmp_path, monkeypatch):
    codes = ["007", "0123", "12345"] * 20
    read = read_table(write(table(postcode=codes)))
    assert read.schema["postcode"].kind == "category"
    out = tmp_path / "out.csv"
    write_table(read.frame, read.schema, out)
    assert out.read_text() == (tmp_path / "table.csv").read_text()
    as_numbers = read_table(write(table(postcode=codes)), kinds={"postcode": "number"})
    assert as_numbers.frame["postcode"].tolist()[:3] == [7, 123, 12345]
    decimals = read_table(write(table(rate=["0.5", "0", "00.5"] * 20)))
    assert decimals.schema["rate"].kind == "number"


def test_leading_zeros_after_plain_numbers_are_refused_with_their_line(write, monkeypatch):
    monkeypatch.setattr(files, "BLOCK_ROWS", 7)
    late = ["12345", "54321"] * 25 + ["007"] * 10
    with pytest.raises(DataError, match="line 52.*without leading zeros.*007.*--category postcode"):
        read_table(write(table(postcode=late)))


def test_a_further_file_is_read_by_the_kinds_of_the_first(write, tmp_path):
    schema = read_table(write(table())).schema
    other = tmp_path / "other.csv"
    table(plan=["7"] * ROWS, more=["x"] * ROWS).head(6).to_csv(other, index=False)
    frame = read_like(schema, other)
    assert list(frame.columns) == schema.names and frame["plan"].iloc[0] == "7"
    other.write_text("spend,plan\n1.0,free\n")
    with pytest.raises(DataError, match="Missing: churned"):
        read_like(schema, other)


def test_a_carriage_return_in_a_category_reads_back_as_it_was(write, tmp_path):
    path = tmp_path / "odd.csv"
    cities = ["a\rb", "plain", 'with "quotes", too']
    rows = "".join(
        f'"{cities[i % 3].replace(chr(34), chr(34) * 2)}",{i},{i % 2}\n' for i in range(60)
    )
    path.write_bytes(("city,spend,churned\n" + rows).encode())
    read = read_table(path, label="churned")
    write_table(read.frame, read.schema, tmp_path / "back.csv")
    again = read_like(read.schema, tmp_path / "back.csv")
    assert again["city"].tolist() == read.frame["city"].tolist()
