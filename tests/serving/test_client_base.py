"""Parts that the requests of a client share."""

import numpy as np
import pytest

from advrec_tf.serving.client_base import ClientBase, Limits
from advrec_tf.serving.values import NoSignatureError, ServingError


class Told(ClientBase):
    """Knows the items a and b, and has one signature."""

    def knows(self, kind, ids):
        return [one in ("a", "b") for one in ids]

    def default_k(self):
        return 4

    def input_specs(self, signature_name):
        if signature_name != "there":
            raise NoSignatureError(f"It has no signature {signature_name!r}.")
        return {"item_id": ("string", (None, None))}


def test_limits_are_those_of_each_user():
    limits = Limits.of(None, ["a"], [], 2)
    assert limits.names_items and not Limits.of(3, [], [[], []], 2).names_items
    assert Told()._limit_inputs(limits, 2) == {
        "k": [4, 4],
        "exclude_item_id": [["", "a"], ["", "a"]],
        "allow_item_id": [[""], [""]],
    }
    assert Told()._limit_inputs(Limits.of([1, 2], [], [], 2), 2)["k"] == [1, 2]


def test_known_items_are_those_that_are_answered_or_else_those_of_the_tables():
    rows = [["", "a", "x"], ["", "", ""], ["", "b", "a"]]
    answered = {"known_items": np.array([5, 0, 1])}
    assert Told()._known_items("there", rows, answered) == [5, 0, 1]
    assert Told()._known_items("there", rows, {}) == [1, 0, 2]
    assert ClientBase()._known_items("there", rows, {}) is None
    with pytest.raises(ServingError, match="there should answer with `known_items`, finite numb"):
        Told()._known_items("there", rows, {"known_items": np.array([1])})


def test_what_a_model_has_not_is_said_with_what_follows():
    assert "item_id" in Told()._specs_or("there", "It does nothing.")
    with pytest.raises(ServingError, match="It does nothing. It has no signature 'rank'"):
        Told()._specs_or("rank", "It does nothing.")


def test_a_table_has_a_row_for_each_item_that_is_listed():
    items = np.array([["a", "b"], ["b", ""]], object)
    table = Told()._table(["u", "u"], items, np.array([[2.0, 1.0], [3.0, -1.0]]))
    assert table.to_dict("list") == {
        "user_id": ["u", "u", "u"],
        "rank": [1, 2, 1],
        "item_id": ["a", "b", "b"],
        "score": [2.0, 1.0, 3.0],
    }
