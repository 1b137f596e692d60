"""What a column holds: by its look, by what the caller says, and in any notation."""

import numpy as np
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.notations.scan import ColumnScan
from advrec_tf.data.readers.notations.spelling import argument
from tests.data.readers.notations.columns import column


def decided(texts, name="x", **settings):
    scan = ColumnScan(name, **settings)
    scan.add(texts)
    return scan.decide()


def read(spelling, texts):
    return spelling.numbers(texts, source="t.csv", column="x", place=lambda row: f"line {row + 2}")


def wrong(seed: int) -> list[str]:
    """What is wrong with the column of a seed, as read and as written back."""
    made = column(np.random.default_rng(seed))
    spelling = decided(made.texts, reading=made.reading)
    if spelling.kind != made.kind:
        return [f"{seed}: {made.how}: {made.kind} read as {spelling.kind}: {made.texts[:3]}"]
    values = read(spelling, made.texts)
    if not np.allclose(values, made.values, rtol=0, atol=1e-6, equal_nan=True):
        row = int(np.argmin(np.isclose(values, made.values, equal_nan=True)))
        return [f"{seed}: {made.how}: {made.texts[row]!r} read as {values[row]}"]
    missing = np.isnan(values)
    written = np.where(missing, spelling.mark, spelling.notation.write(values)).tolist()
    differ = [pair for pair in zip(made.texts, written, strict=True) if pair[0] != pair[1]]
    return [f"{seed}: {made.how}: {differ[0][0]!r} written as {differ[0][1]!r}"] if differ else []


def test_a_hundred_notations_are_read_and_come_back_as_they_were():
    assert [fault for seed in range(100) for fault in wrong(seed)] == []


@pytest.mark.slow
def test_five_thousand_notations_are_read_and_come_back_as_they_were():
    assert [fault for seed in range(100, 5100) for fault in wrong(seed)] == []


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["18_24", "25_34"], "text"),
        (["1E2", "3E1", "5E0"], "text"),
        (["007", "0123", "12345"], "text"),
        (["1", "2", "3.5"], "number"),
        (["TRUE", "false", ""], "boolean"),
        (["yes", "no"], "text"),
        (["2024-05-01", "9999-12-31"], "date"),
        (["20240501", "20231231"], "date"),
        (["20240501", "20240532"], "number"),
        (["", "NA", "null"], None),
        (["-", "-"], "text"),
        (["inf", "nan"], "text"),
    ],
)
def test_the_kind_of_a_column_is_known_by_its_look(texts, kind):
    assert decided(texts).kind == kind


def test_what_could_be_otherwise_is_said_with_the_setting_that_changes_it():
    assert decided(["44,000", "10,658"]).said == (
        "x: number: 44,000 is read as 44000; `--decimal-comma x` reads the comma as the decimal "
        "mark",
    )
    assert decided(["44,000"], reading="decimal-comma").said == ("x: number: 44,000 is read as 44",)
    assert decided(["01/02/2024"]).said == (
        "x: date: 01/02/2024 is read as 2024-01-02, since the values do not tell day and month "
        "apart; `--day-first x` reads otherwise",
    )
    assert decided(["1E2", "3E1"]).said == (
        "x: category, since some are such as 1E2, which may be a code; `--number x` reads numbers",
    )
    assert decided(["007"], cure=argument).said == (
        "x: category, since some start with a zero, as codes do; `kinds={'x': 'number'}` reads "
        "numbers",
    )
    assert decided(["12 kg", "7 kg"]).said == (
        "x: category, though every value is a number with 'kg'; `--number x` reads numbers",
    )
    assert decided(["1", "2.5"]).said == decided(["2024-05-01"]).said == decided(["a"]).said == ()


def test_a_dash_among_numbers_is_missing_and_among_texts_a_text():
    price = decided(["11.37", "-", "12.74", "—", "-"])
    np.testing.assert_array_equal(
        read(price, ["11.37", "-", "—", "N/A", ""]), [11.37, np.nan, np.nan, np.nan, np.nan]
    )
    assert price.mark == "-"
    assert price.said == (
        "x: '-' 2, '—' 1 taken for missing, since the others are numbers; `--category x` keeps "
        "them",
    )
    grade = decided(["a", "-", "NA"])
    assert grade.kind == "text" and "-" not in grade.marks and grade.mark == "NA"
    assert grade.said == ("x: 'NA' 1 taken for missing; `--keep-missing` keeps them",)
    kept = decided(["a", "NA"], keep_missing=True)
    assert kept.marks == frozenset() and kept.said == ()


def test_the_marks_of_missing_values_can_be_named():
    named = decided(["1", "none yet"], missing=["none yet"])
    assert named.kind == "number" and named.mark == "none yet"
    with pytest.raises(DataError, match="expected a number. Received: '-'"):
        read(named, ["-"])


def test_what_the_caller_says_wins():
    assert decided(["1", "2"], asked="text").kind == "text"
    codes = decided(["007", "012"], asked="number")
    assert read(codes, ["007"]).tolist() == [7.0] and codes.notation.write([7.0]) == ["007"]
    assert decided(["12 kg"], asked="number").notation.suffix == " kg"
    moments = decided(["1714521600", "1714521601"], asked="date")
    assert read(moments, ["1714521600"]).tolist() == [1_714_521_600.0]
    assert moments.notation.write([1_714_521_600.0]) == ["1714521600"]
    parts = decided(["1714521600.5", "7"], asked="date")  # seconds, though with a fraction
    assert read(parts, ["1714521600.5"]).tolist() == [1_714_521_600.5]
    assert decided(["7", "."], asked="date", missing=[]).kind == "date"
    milliseconds = decided(["1714521600500"], asked="date")
    assert read(milliseconds, ["1714521600500"]).tolist() == [1_714_521_600.5]


def test_a_value_in_another_notation_than_most_is_refused_with_its_line_and_the_cure():
    texts = ["66.6%", "83.4%", "98.3", "48.0%"]
    with pytest.raises(
        DataError,
        match="t.csv, line 4, column 'x': expected a number such as 1234.5%. Received: '98.3', "
        "in a column that is read as numbers. If x is a category, say `--category x`; if this "
        "marks a missing value, name it by `--missing`",
    ):
        read(decided(texts), texts)


def test_a_column_of_many_shapes_is_text_and_takes_little_memory():
    scan = ColumnScan("note")
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdefgh "), 30)) for _ in range(5_000)]
    scan.add(texts)
    assert scan.decide().kind == "text"
    scan.add(texts)
    assert len(scan.shapes) <= 5_000
