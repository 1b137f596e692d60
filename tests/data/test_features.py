import json
import pickle

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from advrec_tf.data.features import (
    KINDS,
    Category,
    Id,
    Number,
    Sequence,
    Text,
    Time,
    Vector,
    column_from_dict,
)

GENRES = Sequence(name="genres", categories=("Crime", "Drama"), length=3)


def test_a_category_that_is_missing_or_unknown_has_the_last_code():
    column = Category.fitted("job", pd.Series(["y", None, "x", "y"]))
    assert column.categories == ("x", "y") and column.size == 3
    assert column.encoded(pd.Series(["x", "z", None, "y"])).tolist() == [0, 2, 2, 1]


@pytest.mark.parametrize("kind", [Category, Text, Sequence])
def test_blanks_around_a_value_and_its_unicode_form_make_no_second_one(kind):
    spelled = pd.Series(["Bern", " Bern ", "Zu\u0308rich", "Z\u00fcrich\t"])
    column = kind.fitted("city", spelled)
    assert getattr(column, "categories", ("Bern", "Z\u00fcrich")) == ("Bern", "Z\u00fcrich")
    first, second, third, fourth = column.raw(spelled).tolist()
    assert first == second != third == fourth


def test_numbers_and_truth_are_categories_by_their_text():
    column = Category.fitted("flag", pd.Series([True, False]))
    assert column.categories == ("false", "true")
    column = Category.fitted("hour", pd.Series([9.0, 17.0, np.nan]))
    assert column.categories == ("17", "9")
    assert column.encode(tf.constant([9, 17, 3])).numpy().tolist() == [1, 0, 2]


def test_a_number_learns_mean_and_deviation_of_what_is_known():
    column = Number.fitted("year", pd.Series([1990.0, 1994.0, np.nan]))
    assert (column.mean, column.deviation) == (1992.0, 2.0)
    for values in ([5.0, 5.0], [np.nan, np.nan]):
        assert Number.fitted("n", pd.Series(values)).deviation == 1.0
    with pytest.raises(ValueError, match="'year' should hold numbers"):
        Number.fitted("year", pd.Series(["1990", "about 2000"], name="year"))


def test_a_time_becomes_hour_weekday_and_age():
    # 1970-01-05 was a Monday: at 06:00 a quarter of the day is done, and 1/28 of the week
    column = Time.fitted(
        "when", pd.Series(pd.to_datetime(["1970-01-05 06:00", "1971-01-05 12:00"]))
    )
    encoded = column.encoded(pd.Series(["1970-01-05 06:00", None], name="when"))
    week = 2 * np.pi / 28
    age = 365.25 / 365.25
    np.testing.assert_allclose(encoded[0], [1, 0, np.sin(week), np.cos(week), age, 0], atol=1e-5)
    np.testing.assert_array_equal(encoded[1], [0, 0, 0, 0, 0, 1])
    seconds = pd.Series([4 * 86400.0 + 6 * 3600])
    np.testing.assert_allclose(column.encoded(seconds)[0], encoded[0], atol=1e-6)


def test_a_text_is_the_bag_of_its_words_without_case_and_signs():
    column = Text(name="title", length=4)
    one, same, none = column.encoded(pd.Series(["The Big  SLEEP!", "the (big) sleep", None]))
    assert one.tolist() == same.tolist() and (one[:3] > 0).all() and one[3] == 0
    assert none.tolist() == [0, 0, 0, 0]
    assert column.encoded(pd.Series(["a b c d e f"])).shape == (1, 4)
    assert Text.fitted("title", pd.Series(["a b", "c"])).length == 2


def test_a_sequence_is_cut_and_padded_and_its_unknown_entries_are_coded():
    table = pd.Series(["Crime|Drama", ["Drama", "War"], None, "Crime| |Drama|Crime|Crime"])
    assert GENRES.encoded(table).tolist() == [[1, 2, 0], [2, 3, 0], [0, 0, 0], [1, 2, 1]]
    fitted = Sequence.fitted("genres", pd.Series(["Drama|Crime", None]))
    assert fitted.categories == ("Crime", "Drama") and fitted.length == 2


def test_a_vector_that_is_missing_is_zero():
    column = Vector.fitted("v", pd.Series([[1.0, 2.0], None]))
    assert column.encoded(pd.Series([None, np.array([3.0, np.nan])])).tolist() == [[0, 0], [3, 0]]
    with pytest.raises(ValueError, match="'v' should hold vectors of one width"):
        Vector.fitted("v", pd.Series([[1.0], [1.0, 2.0]]))


COLUMNS = (
    Category(name="c", categories=("a",)),
    Id(name="i", categories=("a", "b")),
    Number(name="n", mean=1.0, deviation=2.0),
    Time(name="t", latest=5.0),
    Text(name="x", length=2),
    GENRES,
    Vector(name="v", width=2),
)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.kind)
def test_a_column_survives_json_and_another_process(column):
    assert column_from_dict(json.loads(json.dumps(column.as_dict()))) == column
    if hasattr(column, "categories"):
        column.table  # noqa: B018 (a resource that cannot be pickled)
    assert pickle.loads(pickle.dumps(column)) == column


def test_every_kind_is_tried_here():
    assert {column.kind for column in COLUMNS} == set(KINDS)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.kind)
def test_a_column_without_rows_and_categories_is_encoded(column):
    assert len(column.encoded(pd.Series([], dtype=object))) == 0
