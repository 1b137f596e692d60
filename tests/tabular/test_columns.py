import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.readers.notations.dates import DateNotation
from advrec_tf.data.readers.notations.numbers import NumberNotation
from advrec_tf.tabular.columns import (
    ASKABLE,
    COLUMN_TYPES,
    Boolean,
    Category,
    Constant,
    Date,
    Identifier,
    Number,
    column_from_dict,
)
from advrec_tf.tabular.facts import ColumnFacts

COLUMNS = [
    Number(name="price", dtype="float64", decimals=2),
    Category(name="plan", missing=True),
    Boolean(name="active", dtype="bool", spelling=("no", "yes")),
    Date(name="since", dtype="datetime64[s]", day=True),
    Identifier(name="user", dtype="int64", following=7),
    Constant(name="country", value="NL"),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.kind)
def test_a_column_survives_its_dictionary(column):
    assert column_from_dict(column.as_dict()) == column
    assert COLUMN_TYPES[column.kind] is type(column)


def test_every_kind_but_a_constant_may_be_declared():
    assert ASKABLE == ("number", "category", "boolean", "date", "identifier")


def test_the_learned_columns_are_numbers_categories_booleans_and_dates():
    assert [column.kind for column in COLUMNS if column.learned] == list(ASKABLE[:4])


def test_a_number_is_rounded_to_its_decimals_in_a_file():
    spelled = COLUMNS[0].spelled(pd.Series([1.5, np.nan, 2.0]))
    assert spelled.tolist() == ["1.50", "", "2.00"]
    assert COLUMNS[0].unit == pytest.approx(0.01)
    assert dataclasses.replace(COLUMNS[0], decimals=None).unit == 0.0


def test_whole_numbers_are_rounded_before_they_get_their_dtype():
    whole = Number(name="n", dtype="int64", decimals=0)
    assert whole.typed(np.array([1.6, 2.2])).tolist() == [2, 2]


def test_categories_are_chosen_by_frequency_and_missing_is_none():
    raw = COLUMNS[1].raw(pd.Series(["b", "a", None, "a"]))
    assert raw.tolist() == ["b", "a", None, "a"]
    assert COLUMNS[1].choices(ColumnFacts.of(pd.Series(raw))) == ("a", "b")


def test_numbers_with_few_values_are_choices_and_with_many_are_not():
    assert COLUMNS[0].choices(ColumnFacts.of(pd.Series([2.0, 1.0, np.nan, 2.0]))) == (1.0, 2.0)
    assert COLUMNS[0].choices(ColumnFacts.of(pd.Series(np.arange(21.0)))) is None


def test_a_boolean_is_spelled_as_its_file_spells_it():
    assert COLUMNS[2].spelled(pd.Series([True, False])).tolist() == ["yes", "no"]
    assert COLUMNS[2].choice_text(1.0) == "yes"
    assert COLUMNS[2].condition("YES", pd.Series([True, False])) is True


def test_a_day_is_86400_seconds_and_is_spelled_without_a_time():
    days = pd.Series(pd.to_datetime(["1970-01-02", None]))
    np.testing.assert_array_equal(COLUMNS[3].raw(days), [86_400.0, np.nan])
    assert COLUMNS[3].unit == 86_400.0
    assert COLUMNS[3].spelled(days).tolist()[0] == "1970-01-02"
    typed = COLUMNS[3].typed(np.array([86_400.4, np.nan]))
    assert typed[0] == pd.Timestamp("1970-01-02") and typed.isna().tolist() == [False, True]


def test_an_identifier_continues_after_the_rows_before():
    assert COLUMNS[4].generated(2, 3).tolist() == [9, 10, 11]
    texts = Identifier(name="user").generated(0, 2)
    assert texts.tolist() == ["generated-0000000", "generated-0000001"]


def test_a_constant_is_repeated_and_both_kinds_say_why_nothing_is_learned():
    assert COLUMNS[5].generated(5, 2).tolist() == ["NL", "NL"]
    assert "it is always 'NL'" in COLUMNS[5].notices()[0]
    assert "every value is missing" in Constant(name="x").notices()[0]
    assert "is an identifier" in COLUMNS[4].notices()[0]
    assert COLUMNS[0].notices() == []


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        (COLUMNS[0], "cheap", "should be a number. Received: 'cheap'"),
        (COLUMNS[1], "gold", "should be one of its values: free, paid. Received: 'gold'"),
        (COLUMNS[2], "maybe", "should be one of its values: no, yes. Received: 'maybe'"),
    ],
)
def test_a_condition_that_no_row_can_meet_is_refused(column, text, message):
    with pytest.raises(ValueError, match=message):
        column.condition(text, pd.Series(["free", "paid"]))


def test_equal_values_are_comparable_whatever_their_dtype():
    number = COLUMNS[0]
    first = number.comparable(pd.Series([1, 2], dtype="Int64"))
    second = number.comparable(pd.Series([1.0, 2.0]))
    assert first.tolist() == second.tolist()


def test_a_condition_is_given_in_the_notation_of_the_file():
    price = Number(name="price", notation=NumberNotation(decimal=",", suffix=" €"))
    assert price.condition("12,50 €", pd.Series([12.5])) == 12.5
    ends = Date(name="ends", dtype="datetime64[s]", notation=DateNotation(order="%d.%m.%Y"))
    assert ends.condition("31.12.9999", pd.Series([])).year == 9999
    with pytest.raises(ValueError, match="should be a date such as 01.05.2024. Received: 'soon'"):
        ends.condition("soon", pd.Series([]))


@pytest.mark.parametrize(
    "notation", [DateNotation(order="%d.%m.%Y"), DateNotation(gap="T", fraction=3)]
)
def test_dates_of_any_year_are_spelled_in_their_notation(notation):
    column = Date(name="d", dtype="datetime64[us]", notation=notation, mark="-", missing=True)
    texts = notation.write(np.array([-62_135_596_800.0, 253_402_214_400.0]))
    series = column.typed(np.array([-62_135_596_800.0, 253_402_214_400.0, np.nan]))
    assert column.texts(series).tolist() == [*texts, "-"]
    assert column_from_dict(json.loads(json.dumps(column.as_dict()))) == column
