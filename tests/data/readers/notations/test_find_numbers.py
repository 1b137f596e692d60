import collections

import pytest

from advrec_tf.data.readers.notations.find_numbers import find_numbers, shape_of
from advrec_tf.data.readers.notations.numbers import NumberNotation


def found(*texts, **settings):
    return find_numbers(collections.Counter(map(shape_of, texts)), **settings)


def test_a_shape_keeps_the_first_digit_where_it_is_a_zero():
    assert [shape_of(t) for t in ("$1,050", "007", "0.5", "a7", "")] == [
        "$9,999",
        "099",
        "0.9",
        "a9",
        "",
    ]


@pytest.mark.parametrize(
    ("texts", "notation"),
    [
        (("1,30", "236,38"), NumberNotation(decimal=",", decimals=(2,))),
        (("0,123", "0,999"), NumberNotation(decimal=",", decimals=(3,))),
        (("1.234", "0.500"), NumberNotation(decimals=(3,))),
        (("1,234.5", "7.25"), NumberNotation(thousands=",", decimals=(1, 2))),
        (("1.234.567", "12"), NumberNotation(decimal=",", thousands=".", decimals=(0,))),
        (("1 234,5", "7,0"), NumberNotation(decimal=",", thousands=" ", decimals=(1,))),
        (("1234", "12 345"), NumberNotation(thousands=" ", group_from=5, decimals=(0,))),
        (("$5", "-$7"), NumberNotation(prefix="$", decimals=(0,))),
        (("5 kr", "7 kr"), NumberNotation(suffix=" kr", decimals=(0,))),
        (("(5)", "7"), NumberNotation(negative="()", decimals=(0,))),
        (("+5", "-7"), NumberNotation(plus=True, decimals=(0,))),
        (("1.5e+03", "2.5e-01"), NumberNotation(decimals=(1,), exponent="e+00")),
        (("1e-05", "0.25"), NumberNotation()),
    ],
)
def test_the_notation_is_the_one_that_reads_every_value(texts, notation):
    assert found(*texts) == type(found(*texts))(notation, 2)


def test_a_comma_before_three_digits_is_of_thousands_unless_it_is_said_otherwise():
    both = found("44,000", "1,250")
    assert both.doubt == "thousands" and both.notation.read("44,000") == 44_000
    comma = found("44,000", "1,250", decimal=",")
    assert comma.doubt == "" and comma.notation.read("44,000") == 44.0


@pytest.mark.parametrize(
    "texts", [("18_24", "25_34"), ("a1", "b2"), ("1-2", "3-4"), ("1.2.3", "4.5.6")]
)
def test_codes_ranges_and_versions_are_no_numbers(texts):
    assert found(*texts) is None


def test_two_currencies_are_not_one_column_of_numbers():
    assert found("$5", "$6", "€7").rows == 2


@pytest.mark.parametrize("texts", [("007", "12"), ("1E2", "3E1"), ("1E2", "345")])
def test_numbers_by_their_look_may_be_codes(texts):
    assert found(*texts).codes


def test_a_unit_of_any_name_counts_where_it_is_asked_for():
    assert found("12 kg", "7 kg") is None
    assert found("12 kg", "7 kg", any_unit=True).notation.suffix == " kg"
