import numpy as np
import pytest

from advrec_tf.data.readers import columns, ids
from advrec_tf.data.readers.files import DataError


def place(row):
    return f"line {row + 2}"


def column_of(*texts, **settings):
    coder = ids.IdCodes(**settings)
    return coder.column(coder.encode(texts))


def test_spaces_around_an_id_and_its_unicode_form_make_no_second_id():
    found = column_of("caf\u00e9", " cafe\u0301 ", "tea")
    assert found.values == ["caf\u00e9", "tea"] and found.codes.tolist() == [0, 0, 1]
    assert found.changed == {
        "id with blanks around it, trimmed": (1, None),
        "id in another Unicode form, read in the form NFC": (1, None),
    }


def test_a_whole_float_is_an_integer_where_all_ids_are_numbers():
    found = column_of("1.0", "2", "3.00", "1")
    assert found.values == ["1", "2", "3"] and found.codes.tolist() == [0, 1, 2, 0]
    assert found.changed["id written as a whole float, read as the integer"] == (2, 0)


def test_among_text_a_whole_float_is_an_integer_only_where_both_spellings_stand():
    found = column_of("abc", "1.0", "2.0", "1")
    assert found.values == ["abc", "1", "2.0"] and found.codes.tolist() == [0, 1, 2, 1]
    assert found.changed["id written as a whole float, read as the integer"] == (1, 1)
    assert column_of("1.5", "2.0").values == ["1.5", "2.0"]
    assert column_of("01.0", "1").values == ["01.0", "1"]  # no canonical integer


def test_marks_of_a_missing_id_are_counted_each_and_can_be_kept():
    found = column_of("a", "null", "", "NaN", "null", missing=columns.MISSING)
    assert found.codes.tolist() == [0, -1, -1, -1, -1]
    assert found.marks == {"null": 2, "": 1, "NaN": 1}
    kept = column_of("a", "null", " ", missing=())
    assert kept.values == ["a", "null"] and kept.codes.tolist() == [0, 1, -1]


@pytest.mark.parametrize("text", ["i\0", "\ud800"])
def test_a_text_that_cannot_be_an_id_is_named_with_its_place(text):
    with pytest.raises(DataError, match="f.csv, line 3, column 'item': expected an id"):
        ids.encode_ids(ids.IdCodes(), ["a", text], source="f.csv", column="item", place=place)


def test_distinct_texts_with_rows_give_the_codes_of_the_texts_one_by_one():
    for texts in (["b", "a", "7.0", "7"], ["b", "a", " a", "NaN"]):
        rows = np.array([3, 0, 1, 2, 0, 3], np.int32)
        plain, by_rows = ids.IdCodes(), ids.IdCodes()
        one = plain.column(plain.encode([texts[row] for row in rows]))
        other = by_rows.column(by_rows.encode(texts, rows))
        named = [
            [found.values[code] if code >= 0 else None for code in found.codes]
            for found in (one, other)
        ]
        assert named[0] == named[1] and one.marks == other.marks


def test_integers_are_those_written_in_the_one_usual_way_within_64_bits():
    texts = ["7", "-7", "0", "007", "+7", "7.0", "-0", "", "9223372036854775807", "9" * 19]
    found = ids.integer_like([*texts, 7, -(1 << 63), 1 << 63])
    assert found.tolist() == [True] * 3 + [False] * 5 + [True, False, True, True, False]


def test_ids_of_a_side_table_are_integers_where_all_are():
    assert ids.distinct_keys(["1.0", "2", " 3"]) == [1, 2, 3]
    assert ids.distinct_keys(["1", "x"]) == ["1", "x"]
    assert ids.distinct_keys([]) == []


@pytest.mark.parametrize("second", [" 1", "1.0"])
def test_two_spellings_of_an_id_of_a_side_table_are_refused(second):
    with pytest.raises(ids.UnusableId, match="each id once .it stands as '1' too") as caught:
        ids.distinct_keys(["1", "2", second])
    assert caught.value.args[1] == second
