import numpy as np
import pytest

from advrec_tf.data.readers import columns
from advrec_tf.data.readers.files import DataError


def place(row):
    return f"line {row + 2}"


@pytest.mark.parametrize("text", ["1_000", "\uff11\uff12", "\u0663", "0x10", "1,5", "--1"])
def test_a_number_is_ascii_digits_with_sign_point_and_exponent(text):
    for parse in (
        lambda texts: columns.numbers(texts, source="f", column="c", place=place),
        lambda texts: columns.Times(source="f", column="c").parse(texts, place),
    ):
        with pytest.raises(DataError, match="f, line 3, column 'c': expected a number"):
            parse(["1", text])
        assert parse([" 1e3 ", "+.5", "NA"])[:2].tolist() == [1000, 0.5]


def test_a_mark_that_was_named_is_a_missing_number():
    found = columns.numbers(["1", "-", ""], source="f", column="c", place=place, missing=["-"])
    assert found[0] == 1 and np.isnan(found[1:]).all()
    with pytest.raises(DataError, match="Received: 'NA'"):
        columns.numbers(["1", "NA"], source="f", column="c", place=place, missing=["-"])


def test_a_mark_that_is_a_number_is_missing_however_it_is_written():
    how = {"source": "f", "column": "c", "place": place, "missing": ["-999", ""]}
    for texts in (["1", "-999", "-999.0"], ["1", "-999", " -999 "], ["1", "", "-9.99e2"]):
        found = columns.numbers(texts, **how)
        assert found[0] == 1 and np.isnan(found[1:]).all(), texts
    times = columns.Times(source="f", column="c", missing=["0"])
    np.testing.assert_array_equal(times.parse(["0", "5", "0.0"], place), [np.nan, 5, np.nan])
    dates = columns.Times(source="f", column="c", missing=["0"])
    found = dates.parse(["1970-01-01", "0", "1970-01-02"], place)  # the first is no mark
    np.testing.assert_array_equal(found, [0, np.nan, 86_400])


def test_an_index_of_thousands_of_digits_is_refused_by_its_line():
    with pytest.raises(DataError, match="f, line 3, column 'c': expected an integer from 0 to"):
        columns.indices(["1", "9" * 5000], [2, 3], source="f", column="c")
