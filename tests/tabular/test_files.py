"""Tables in files: every malformed one is refused, or said, in words of its own."""

import json

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.tabular import files
from advrec_tf.tabular.files import read_like, read_table, write_table
from advrec_tf.tabular.schema import TableSchema
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.utility import synthetic_to_real

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
        match="line 6, column 'age': expected a number. Received: 'unknown', in a column that is "
        "read as numbers. If age is a category, say `--category age`",
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


def test_leading_zeros_far_down_the_file_make_a_category_too(write, monkeypatch):
    monkeypatch.setattr(files, "BLOCK_ROWS", 7)
    late = ["12345", "54321"] * 25 + ["007"] * 10
    read = read_table(write(table(postcode=late)))
    assert read.schema["postcode"].kind == "category"
    assert "postcode: category, since some start with a zero" in read.schema.noticed[0]


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


NOTATIONS = {
    "age_band": ["18_24", "25_34", "35_49", "50_64"],
    "tariff": ["1E2", "3E1", "5E0", "7E4"],
    "cost": ["1,30", "236,38", "18,88"],
    "income": ["10,658", "64,104", "9,104"],
    "share": ["66.6%", "83.4%", "5.0%"],
    "basket": ["$121.19", "-$56.63", "$1,003.50"],
    "price": ["11.37", "-", "12.74", "0.99"],
    "since": ["31.12.2023", "01.05.2024"],
    "ends": ["2024-05-01", "9999-12-31", "0001-01-01"],
    "seen": ["5/31/2024 1:05 PM", "12/1/2024 11:30 AM"],
    "logged": ["2024-05-01T13:00:00.250Z", "2024-05-01T13:00:01.000Z"],
}


def in_notations():
    return table(**{n: (v * ROWS)[:ROWS] for n, v in NOTATIONS.items()})


@pytest.fixture(scope="module")
def notations(tmp_path_factory):
    path = tmp_path_factory.mktemp("notations") / "table.csv"
    in_notations().to_csv(path, index=False)
    return path, read_table(path)


def test_numbers_and_dates_are_known_in_their_notations(notations):
    _, read = notations
    kinds = {c.name: c.kind for c in read.schema.columns if c.name in NOTATIONS}
    assert kinds == {
        **dict.fromkeys(("age_band", "tariff"), "category"),
        **dict.fromkeys(("cost", "income", "share", "basket", "price"), "number"),
        **dict.fromkeys(("since", "ends", "seen", "logged"), "date"),
    }
    first = {name: read.frame[name][0] for name in NOTATIONS}
    assert first["cost"] == 1.3 and first["income"] == 10_658 and first["share"] == 66.6
    assert first["basket"] == 121.19 and read.frame["basket"][1] == -56.63
    assert first["since"] == pd.Timestamp("2023-12-31")
    assert read.frame["ends"][1].year == 9999 and read.frame["ends"][2].year == 1
    assert first["seen"] == pd.Timestamp("2024-05-31T13:05")
    assert first["logged"] == pd.Timestamp("2024-05-01T13:00:00.250")
    assert read.frame["price"].isna().sum() == 15 and read.schema["price"].mark == "-"


def test_what_was_decided_is_printed(notations):
    text = str(notations[1])
    assert "cost (number such as 1234,50)" in text and "since (date such as 01.05.2024)" in text
    assert "income: number: 10,658 is read as 10658; `--decimal-comma income` reads" in text
    assert "price: '-' 15 taken for missing, since the others are numbers" in text


def test_every_notation_is_written_as_it_came(notations, tmp_path):
    path, read = notations
    write_table(read.frame, read.schema, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == path.read_text()


def test_generated_values_come_back_in_the_notation_they_came_in(notations, tmp_path):
    _, read = notations
    transform = TableTransform.fit(read.frame, read.schema)
    rows = transform.decode(transform.encode(read.frame))
    write_table(rows, read.schema, tmp_path / "out.csv")
    written = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    for name, given in NOTATIONS.items():
        assert set(written[name]) == set(given), name


def test_the_schema_with_its_notations_survives_json(notations):
    schema = notations[1].schema
    assert TableSchema.from_dict(json.loads(json.dumps(schema.as_dict()))) == schema


def test_what_the_caller_says_of_a_column_wins(write):
    path = write(in_notations())
    read = read_table(
        path,
        kinds={"share": "category", "tariff": "number"},
        readings={"income": "decimal-comma"},
    )
    assert read.schema["share"].kind == "category" and read.frame["tariff"][0] == 100
    assert read.frame["income"][0] == 10.658
    with pytest.raises(ValueError, match="`readings` should be of.*'income': 'comma'"):
        read_table(path, readings={"income": "comma"})


def test_missing_marks_can_be_named_or_kept(write):
    path = write(table(size=["7", "none yet", "8"] * 20, town=["NA", "Rome", "Oslo"] * 20))
    with pytest.raises(DataError, match="line 3.*Received: 'none yet'.*name it by `--missing`"):
        read_table(path)
    read = read_table(path, missing=["none yet"])
    assert read.frame["size"].isna().sum() == 20 and "NA" in set(read.frame["town"])
    kept = read_table(path, kinds={"size": "category"}, keep_missing=True)
    assert kept.frame["town"][0] == "NA" and not kept.schema["town"].missing
    with pytest.raises(ValueError, match="`missing` should hold marks. Received the text '-'"):
        read_table(path, missing="-")
    number = read_table(write(table(size=["7", "-999", "8"] * 20)), missing=["-999"])
    assert number.frame["size"].isna().sum() == 20 and number.frame["size"].max() == 8


def test_quotes_escaped_by_a_backslash_are_read_where_it_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "n;title;y\n" + "".join(f'{i};"the \\"{i % 3}\\" one";{i % 2}\n' for i in range(60))
    )
    with pytest.raises(DataError, match="name it by `escape`"):
        read_table(path)
    assert read_table(path, escape="\\").frame["title"][1] == 'the "1" one'


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_a_further_file_may_have_a_separator_encoding_and_notation_of_its_own(
    notations, tmp_path, separator
):
    _, read = notations
    other = in_notations()
    other["cost"] = other["cost"].str.replace(",", ".")
    other["since"] = ["2023-12-31", "2024-05-01"] * 30
    other.to_csv(tmp_path / "other.csv", index=False, sep=separator)
    frame = read_like(read.schema, tmp_path / "other.csv", separator=";", encoding="latin-1")
    pd.testing.assert_frame_equal(frame, read.frame)


def test_a_further_file_that_can_be_read_in_two_ways_is_read_as_the_first(write, tmp_path):
    days = ["02/01/2024", "31/12/2024"] * 30
    schema = read_table(write(table(day=days, sum=["1,5", "2,75"] * 30))).schema
    table(day=["02/01/2024"] * ROWS, sum=["1,234"] * ROWS).to_csv(tmp_path / "o.csv", index=False)
    frame = read_like(schema, tmp_path / "o.csv")
    assert frame["day"][0] == pd.Timestamp("2024-01-02") and frame["sum"][0] == 1.234


def test_identifiers_with_leading_zeros_go_on_with_them(write, tmp_path):
    read = read_table(write(table(code=[f"{i:05d}" for i in range(ROWS)])))
    assert read.schema["code"].kind == "identifier"
    assert read.schema["code"].generated(1, 2).tolist() == ["00061", "00062"]


def test_a_constant_is_written_as_it_came(write, tmp_path):
    frame = table(fee=["5,00 €"] * ROWS, start=["01.05.2024"] * ROWS, gone=["-"] * ROWS)
    read = read_table(write(frame))
    generated = {
        c.name: c.generated(0, ROWS) if not c.learned else read.frame[c.name]
        for c in read.schema.columns
    }
    write_table(pd.DataFrame(generated), read.schema, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "table.csv").read_text()


def test_a_category_that_hardly_repeats_is_said(write):
    notes = [f"note {i // 2 if i < 10 else i}" for i in range(ROWS)]
    read = read_table(write(table(note=notes)))
    assert read.schema.noticed == (
        "note: category, though 55 of 60 values differ; generated rows repeat them as they are. "
        "If they are free text, leave the column out (`--drop note`)",
    )


def test_a_label_of_minus_one_and_one_stays_so(tmp_path):
    path, out = tmp_path / "cells.csv", tmp_path / "out.csv"
    path.write_text("a,target\n" + "".join(f"{i % 9},{1 if i % 10 else -1}\n" for i in range(60)))
    read = read_table(path)
    transform = TableTransform.fit(read.frame, read.schema)
    rows = transform.decode(transform.encode(read.frame))
    write_table(rows, read.schema, out)
    assert read.schema["target"].kind == "number" and out.read_text() == path.read_text()
    assert synthetic_to_real(read.frame, rows, read.frame, read.schema)["measure"] == "auc"


def test_empty_constant_rare_and_missing_values_come_back_as_they_were(tmp_path):
    rows = [
        f",EU,{'lifetime' if i < 3 else 'free'},{'YN'[i % 2]},{('TRUE', '', 'FALSE')[i % 3]},"
        f"{'' if i % 4 == 0 else i % 11},{i % 2}\n"
        for i in range(120)
    ]
    path, out = tmp_path / "usage.csv", tmp_path / "out.csv"
    path.write_text("deleted_at,region,plan,opted_in,verified,sessions,active\n" + "".join(rows))
    read = read_table(path)
    transform = TableTransform.fit(read.frame, read.schema)
    write_table(transform.decode(transform.encode(read.frame)), read.schema, out)
    assert out.read_text() == path.read_text()
