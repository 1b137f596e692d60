import pyarrow as pa
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.grouping import GroupBegins


def begins(blocks, kind):
    found = GroupBegins("user", kind)
    return [found(pa.table({"user": block})).tolist() for block in blocks]


def test_a_group_goes_on_in_the_next_block_and_over_rows_without_an_id():
    # " a" is "a" and "" is no id; b begins at row 2 of the second block, c at row 1 of the third
    blocks = [["a", " a"], ["", "a", "b"], ["b", "c"]]
    assert begins(blocks, "string") == [[0], [2], [1]]
    assert begins([[None, 7, 7], [7], [2, None]], "int") == [[1], [], [0]]


def test_an_id_in_two_places_is_named_and_times_are_no_ids():
    with pytest.raises(DataError, match="'user': expected all rows of an id together.*of 7 in two"):
        begins([[7, 2], [7]], "int")
    with pytest.raises(DataError, match="'user'"):
        begins([[True]], "bool")
