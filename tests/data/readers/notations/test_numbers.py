"""A notation reads and writes numbers alike: every pair is worked out by hand."""

import numpy as np
import pytest

from advrec_tf.data.readers.notations.numbers import NumberNotation

EURO = NumberNotation(decimal=",", thousands=".", suffix=" €", decimals=(2,))
PAIRS = [
    (NumberNotation(decimals=(0,)), "7", 7.0),
    (NumberNotation(decimals=(2,)), "7.50", 7.5),
    (NumberNotation(decimals=(0, 2)), "7", 7.0),
    (NumberNotation(decimals=(0, 2)), "7.50", 7.5),
    (NumberNotation(), "0.1234567", 0.1234567),
    (NumberNotation(decimal=",", decimals=(2,)), "236,38", 236.38),
    (NumberNotation(thousands=",", decimals=(0,)), "1,064,104", 1_064_104.0),
    (NumberNotation(thousands=",", decimals=(0,)), "104", 104.0),
    (NumberNotation(thousands=" ", group_from=5, decimals=(0,)), "1234", 1234.0),
    (NumberNotation(thousands="\u202f", decimals=(1,)), "12\u202f345.5", 12_345.5),
    (NumberNotation(thousands="\u2019", decimals=(0,)), "12\u2019345", 12_345.0),
    (EURO, "1.234,50 €", 1234.5),
    (EURO, "-0,05 €", -0.05),
    (NumberNotation(prefix="$", decimals=(2,)), "-$5.00", -5.0),
    (NumberNotation(prefix="$", decimals=(2,), sign_inside=True), "$-5.00", -5.0),
    (NumberNotation(prefix="$", decimals=(2,), negative="()"), "($5.00)", -5.0),
    (NumberNotation(decimals=(0,), negative="\u2212"), "\u22125", -5.0),
    (NumberNotation(decimals=(1,), plus=True), "+1.5", 1.5),
    (NumberNotation(suffix="%", decimals=(1,)), "66.6%", 66.6),
    (NumberNotation(decimals=(0,), exponent="E0"), "3E1", 30.0),
    (NumberNotation(decimals=(2,), exponent="e+00"), "2.50e-01", 0.25),
    (NumberNotation(decimals=(0,), width=5), "00042", 42.0),
]


@pytest.mark.parametrize(("notation", "text", "value"), PAIRS, ids=[text for _, text, _ in PAIRS])
def test_a_number_is_read_and_written_alike(notation, text, value):
    assert notation.read(text) == pytest.approx(value, abs=0)
    assert notation.write(np.array([value])).tolist() == [text]


def test_a_missing_number_is_an_empty_text_and_zero_has_no_sign():
    notation = NumberNotation(decimals=(2,))
    assert notation.write(np.array([np.nan, -0.001, 1.0])).tolist() == ["", "0.00", "1.00"]


@pytest.mark.parametrize(
    ("notation", "text"),
    [
        (NumberNotation(), "1_000"),
        (NumberNotation(), "nan"),
        (NumberNotation(), "inf"),
        (NumberNotation(decimal=","), "1.5"),
        (NumberNotation(thousands=","), "1,23"),
        (EURO, "1.234,50 $"),
        (EURO, "(5,00 €"),
        (EURO, "--5,00 €"),
        (NumberNotation(prefix="$"), "5"),
        (NumberNotation(suffix="%"), "٣%"),
    ],
)
def test_a_text_in_another_notation_is_refused(notation, text):
    with pytest.raises(ValueError):
        notation.read(text)
