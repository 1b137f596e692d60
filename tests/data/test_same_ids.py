"""Indices that mean the same in two places."""

import numpy as np
import pytest

from advrec_tf.data.same_ids import checked_users, first_difference, require_same_ids
from tests.worlds import interactions_of

DATA = interactions_of([(0, 0), (1, 2)], users=["ann", "bob"], items=["x", "y", "z"])
NAMES = ("`interactions`", "`relevant`")


def other(users=("ann", "bob"), items=("x", "y", "z")):
    return interactions_of([(0, 0)], users=list(users), items=list(items))


def test_the_first_row_that_differs_is_told_with_both_ids():
    assert first_difference(np.array([1, 2, 3]), np.array([1, 3, 2])) == (1, 2, 3)
    assert first_difference(np.array(["a", "b"]), np.array(["a"])) is None


def test_the_same_ids_in_the_same_order_pass():
    require_same_ids(DATA, DATA, NAMES)
    require_same_ids(DATA, other(), NAMES)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"items": "yxz"}, "Received other items: index 0 is 'y' there and 'x' here"),
        ({"items": "xy"}, "Received other items: 2 there and 3 here"),
        ({"items": "xyzw"}, "Received other items: 4 there and 3 here"),
        ({"users": ("ann", "eve")}, "Received other users: index 1 is 'eve' there and 'bob' here"),
        ({"users": ("ann", "bob", "eve")}, "Received other users: 3 there and 2 here"),
    ],
)
def test_other_ids_are_refused_by_both_names(changed, said):
    with pytest.raises(
        ValueError, match=f"`relevant` should have the .* of `interactions`.*{said}"
    ):
        require_same_ids(DATA, other(**changed), NAMES)


def test_only_the_users_that_count_are_compared():
    swapped = other(users=("ann", "eve", "fake"))
    require_same_ids(DATA, swapped, NAMES, users=np.array([0]))
    with pytest.raises(ValueError, match="index 1 is 'eve' there"):
        require_same_ids(DATA, swapped, NAMES, users=np.array([0, 1]))
    with pytest.raises(ValueError, match="other users: 1 there and 2 here"):
        require_same_ids(DATA, other(users=("ann",)), NAMES, users=np.array([1]))
    require_same_ids(DATA, other(users=("ann",)), NAMES, users=[])
    with pytest.raises(ValueError, match="other items"):
        require_same_ids(DATA, other(items="yxz"), NAMES, users=[])


def test_indices_of_users_are_sorted_and_each_is_there_once():
    assert checked_users([2, 0, 2], 3).tolist() == [0, 2]
    assert checked_users([], 3).tolist() == []


@pytest.mark.parametrize(
    ("users", "shown"),
    [([0, 3], "3"), ([-1, 0], "-1"), (["u1"], "'u1'"), ([0.5], "0.5"), ([[0]], "shape")],
)
def test_what_is_no_index_of_a_user_is_refused(users, shown):
    with pytest.raises(ValueError, match=f"`users` .* 0..2, which .* gives. Received: {shown}"):
        checked_users(users, 3)
