import numpy as np
import pytest

from advrec_tf.attacks.sequential.edits import Edits, open_places, with_room

HISTORIES = np.array([[-1, 1, 2, 3], [-1, -1, -1, 4]], np.int32)


def edits(kind, *rows):
    row, place, item = np.array(rows).T
    return Edits(row=row, place=place, item=item, kind=kind)


@pytest.mark.parametrize(
    "kind, given, expected",
    [
        ("substitute", [(0, 2, 9), (1, 3, 8)], [[-1, 1, 9, 3], [-1, -1, -1, 8]]),
        ("insert", [(0, 3, 9), (0, 1, 7)], [[1, 2, 3, 9], [1, 7, 2, 3]]),
        ("delete", [(0, 1, -1), (0, 3, -1)], [[-1, -1, 2, 3], [-1, -1, 1, 2]]),
    ],
)
def test_an_edit_changes_its_place_and_keeps_the_order(kind, given, expected):
    found = edits(kind, *given)
    assert found.applied(HISTORIES).tolist() == expected
    if kind != "delete":
        touched = found.touched(np.zeros(HISTORIES.shape, bool))
        assert np.argmax(touched, 1).tolist() == [place for _, place, _ in given]
        assert touched.sum() == len(given)


def test_what_was_touched_moves_with_its_item():
    touched = np.array([[False, False, True, False]] * 2)
    insert = edits("insert", (0, 3, 9)).touched(touched)
    assert insert.tolist() == [[False, True, False, True]]
    assert edits("delete", (0, 3, -1)).touched(touched).tolist() == [[False, False, False, True]]


def test_places_are_open_where_an_item_stands_that_was_not_touched():
    touched = np.zeros(HISTORIES.shape, bool)
    touched[0, 2] = True
    assert open_places(HISTORIES, touched, "substitute").tolist() == [
        [False, True, False, True],
        [False, False, False, True],
    ]
    # the only item of the second history stays; a full history has no room
    assert open_places(HISTORIES, touched, "delete")[1].sum() == 0
    assert open_places(HISTORIES[:, 1:], touched[:, 1:], "insert").tolist() == [
        [False] * 3,
        [False, False, True],
    ]
    assert with_room(HISTORIES, 2)[0].tolist() == [-1, -1, -1, 1, 2, 3]
