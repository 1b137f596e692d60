import numpy as np
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.labeled_fraud import load_spam, read_labels
from advrec_tf.data.vocabulary import Vocabulary

USERS = Vocabulary(np.array([1, 2, 3]))


def labels(tmp_path, content, **settings):
    path = tmp_path / "labels.txt"
    path.write_text(content)
    return read_labels(path, USERS, **settings)


@pytest.mark.parametrize(
    "content",
    ["1 0\n2 1\n3 0\n", "user,label\n3,0\n2,1\n1,0\n", "1\t0\n\n2\t1\n3\t0"],
)
def test_each_user_has_the_label_of_its_line(tmp_path, content):
    fake, spare = labels(tmp_path, content)
    assert fake.tolist() == [False, True, False] and fake.dtype == bool and spare == 0


def test_labels_of_others_are_counted_and_may_be_incomplete(tmp_path):
    fake, spare = labels(tmp_path, "9 1\n2 1\n8 0\n", complete=False)
    assert np.isnan(fake[[0, 2]]).all() and fake[1] == 1 and spare == 2
    with pytest.raises(DataError, match="a label of every user. 2 have none, among them 1"):
        labels(tmp_path, "9 1\n2 1\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 O\n2 1\n3 0\n", "line 1: expected the label 0 or 1 of user '1'. Received: 'O'"),
        ("9 7\n1 1\n", "line 1: expected the label 0 or 1"),
        ("1 0\n\n\n2 7\n3 0\n", "line 4: expected the label 0 or 1 of user '2'"),
        ("1 0\n1 1\n", "line 2: expected one label a user.*'1', whose first is in line 1"),
        ("1 0 1\n", "line 1: expected .user label.. Received 3"),
        ("user label\n", "expected lines .user label.. Received none"),
    ],
)
def test_a_line_that_is_no_label_is_named(tmp_path, content, message):
    with pytest.raises(DataError, match="labels.txt.*" + message):
        labels(tmp_path, content, complete=False)


def test_a_set_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="`name` should be one of amazon"):
        load_spam("nothing")
