import numpy as np
import pytest

from advrec_tf.data.metadata import attach_item_text, items_without_text, join_texts
from tests.worlds import interactions_of


def test_texts_stand_beside_their_items_and_the_others_have_none():
    data = interactions_of([(0, 0), (1, 2)], 2, 3, items=[10, 20, 30])
    with_texts = attach_item_text(data, {30: "thirty", 10: None, 99: "unknown"})
    assert with_texts.item_text.tolist() == ["", "", "thirty"]
    assert items_without_text(with_texts) == 2 and items_without_text(data) == 3
    assert data.item_text is None


def test_an_integer_and_its_text_are_one_item():
    texts = {"10": "ten", "20.0": "twenty"}
    data = attach_item_text(interactions_of([(0, 0)], 1, items=[10, 20]), texts)
    assert data.item_text.tolist() == ["ten", "twenty"]
    data = attach_item_text(interactions_of([(0, 0)], 1, items=["10", "x"]), {10: "ten"})
    assert data.item_text.tolist() == ["ten", ""]


def test_texts_of_which_no_item_is_known_are_refused_with_ids_of_both():
    data = interactions_of([(0, 0)], 1, items=["a", "b"])
    for texts in ({}, {1: "one"}):
        with pytest.raises(ValueError, match=r"`texts` should have item ids.*\['a', 'b'\]"):
            attach_item_text(data, texts)


def test_texts_are_joined_in_order_and_without_those_that_are_empty():
    joined = join_texts([1, 2, 3], {1: "Title.", 2: "Other"}, {1: "About it.", 3: " Alone "})
    assert joined.tolist() == ["Title. About it", "Other", "Alone"]
    assert joined.dtype == np.dtype(object)
