"""Ids and their indices."""

import numpy as np
import pytest

from advrec_tf.data.vocabulary import Vocabulary, id_text


def test_an_id_is_found_by_its_index_and_an_unknown_one_is_minus_one():
    assert Vocabulary([30, 10, 20]).index_of([10, 20, 99]).tolist() == [1, 2, -1]
    assert Vocabulary(["b", "a"]).index_of(["a", "z", "b"]).tolist() == [1, -1, 0]
    assert Vocabulary(["b", "a"]).index_of([]).tolist() == []


def test_text_and_whole_floats_are_the_integers_that_they_spell():
    integers = Vocabulary([17, 3])
    assert integers.index_of(["17", 3, "3.0", 17.0, "017", "x"]).tolist() == [0, 1, 1, 0, -1, -1]
    assert integers.index_of(np.array([17.0, 3.0])).tolist() == [0, 1]
    texts = Vocabulary(["17", "x"])
    assert texts.index_of([17, "x", 17.0, "17"]).tolist() == [0, 1, 0, 0]
    assert texts.index_of(np.array([17, 18])).tolist() == [0, -1]


@pytest.mark.parametrize("wrong", [None, float("nan"), 1.5, True, (1,)])
def test_what_is_no_id_is_refused(wrong):
    for vocabulary in (Vocabulary([17, 3]), Vocabulary(["17", "x"])):
        with pytest.raises(ValueError, match="`ids` should be integers or text. Received"):
            vocabulary.index_of(["17", wrong])


def test_ids_stand_once():
    with pytest.raises(ValueError, match="`ids` should be unique. Received 'a' more than once"):
        Vocabulary(["a", "b", "a"])


def test_ids_of_several_kinds_are_found_as_they_are():
    mixed = Vocabulary([0, 1, "g0", "1"])
    assert mixed.index_of([1, "1", "g0", 7]).tolist() == [1, 3, 2, -1]


def test_an_id_is_asked_for_in_another_spelling_unless_it_stands_so():
    ids = Vocabulary(["\u00e9", "b", " b", "7"])
    # e and an accent are one letter in the form NFC; " b" is an id of its own here.
    asked = ["e\u0301", "\t\u00e9 ", " b", "b ", 7.0, " 7", "c", " "]
    assert ids.index_of_asked(asked).tolist() == [0, 0, 2, 1, 3, 3, -1, -1]
    assert ids.index_of(asked[:2]).tolist() == [-1, -1]
    assert Vocabulary([7, 8]).index_of_asked([" 8", 7.0, "x"]).tolist() == [1, 0, -1]
    assert ids.index_of_asked([]).tolist() == []
    assert [id_text(value) for value in (" e\u0301", 7.0, 7, b" b")] == ["\u00e9", "7", "7", "b"]


def test_an_id_is_found_where_a_client_of_a_served_model_would_find_it():
    asked = [" 8", b"7", 8.0, "8.0", "08", " 7.", 7, b" x"]
    integers, texts = Vocabulary([7, 8]), Vocabulary(["7", "8"])
    # A client sends these texts, and a served model has its ids as text.
    sent = [id_text(value) for value in asked]
    right = [["7", "8"].index(text) if text in ("7", "8") else -1 for text in sent]
    assert right == [1, 0, 1, -1, -1, -1, 0, -1]
    assert integers.index_of_asked(asked).tolist() == texts.index_of_asked(asked).tolist() == right
