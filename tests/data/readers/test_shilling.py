import gzip

import numpy as np
import pytest

from advrec_tf.data.readers import shilling
from advrec_tf.data.readers.files import DataError

COUNTED = {  # users, highest item + 1, train, test, repeats left out of test
    "ml100k": (943, 1682, 90_570, 9430, 0),
    "filmTrust": (780, 721, 25_917, 2879, 1),
    "AppAndroid": (5880, 13_209, 144_936, 18_657, 0),
    "GroceryFood": (1777, 8713, 49_410, 6292, 0),
    "ToolHome": (891, 10_216, 20_816, 2711, 0),
    "yelp": (2762, 11_537, 106_112, 13_124, 1),
}


def test_every_set_has_a_counted_size():
    assert set(COUNTED) == set(shilling.SHILLING_SETS)


@pytest.mark.parametrize("name", COUNTED)
def test_the_published_set_has_its_counted_size(name, data_root):
    found = shilling.load_shilling(name, data_root)
    train, test = found.split.train, found.split.test
    sizes = (train.num_users, train.num_items, len(train), len(test), found.repeated)
    assert sizes == COUNTED[name]
    assert set(np.unique(train.rating)) == {1, 2, 3, 4, 5}
    assert set(found.published_targets) <= set(found.segments)


@pytest.mark.parametrize(("name", "listed"), [("ml100k", 943), ("filmTrust", 722)])
def test_segments_are_those_of_the_authors_files(name, listed, data_root):
    # filmTrust's file lists nobody from user 722 on, though 58 users follow
    found = shilling.load_shilling(name, data_root)
    text = (data_root / "shilling" / name / f"{name}_target_users").read_text()
    for line in text.splitlines():
        target, users = line.split("\t")
        expected = sorted(map(int, users.split(",")))
        members = found.segment_users(int(target))
        assert members[members < listed].tolist() == expected


def write(root, train, test="0\t0\t1.0\n", segments="1\t0\n"):
    folder = root / "shilling" / "ml100k"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ml100k_train.dat.gz").write_bytes(gzip.compress(train.encode()))
    (folder / "ml100k_test.dat").write_text(test)
    (folder / "ml100k_selected_items").write_text(segments)


def test_who_rated_the_target_or_dislikes_an_item_is_not_of_its_segment(tmp_path):
    # 0 likes items 0 and 2, 1 rated the target 1 as well, 2 rates item 2 with 3, 3 has one item
    rows = [(0, 0, 5), (0, 2, 4), (1, 0, 5), (1, 2, 5), (1, 1, 1), (2, 0, 5), (2, 2, 3), (3, 0, 4)]
    train = "".join(f"{u}\t{i}\t{r}.0\n" for u, i, r in rows)
    write(tmp_path, train, test="3\t2\t5.0\n", segments="1\t0,2\n")
    found = shilling.load_shilling("ml100k", tmp_path)
    assert found.segment_users(1).tolist() == [0]
    with pytest.raises(ValueError, match="one of 1 with a segment. Received: 0"):
        found.segment_users(0)


def test_a_test_row_that_is_trained_on_is_left_out_and_counted(tmp_path):
    write(tmp_path, "0\t0\t5.0\n0\t1\t4.0\n", test="0\t1\t2.0\n1\t1\t3.0\n")
    found = shilling.load_shilling("ml100k", tmp_path)
    assert found.repeated == 1 and found.split.test.user_index.tolist() == [1]
    assert found.split.settings["repeated_in_test"] == 1


def test_what_is_no_rating_or_segment_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="ml100k.*'netflix'"):
        shilling.load_shilling("netflix", tmp_path)
    with pytest.raises(FileNotFoundError, match="ml100k_train"):
        shilling.load_shilling("ml100k", tmp_path)
    write(tmp_path, "0\tx\t5.0\n")
    with pytest.raises(DataError, match=r"train\.dat\.gz, line 1, column 'item'"):
        shilling.load_shilling("ml100k", tmp_path)
    write(tmp_path, "0\t-1\t5.0\n")
    with pytest.raises(DataError, match="an integer from 0"):
        shilling.load_shilling("ml100k", tmp_path)
    for segments in ("1\n", "1\ta\n", "1\t7\n"):
        write(tmp_path, "0\t1\t5.0\n", segments=segments)
        with pytest.raises(DataError, match="selected_items, line 1.* expected"):
            shilling.load_shilling("ml100k", tmp_path)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("0\t1\t5\t9\n", "line 1: expected 3 fields, `user item rating`. Received 4"),
        ("0\t1\n", "line 1: expected 3 fields"),
        ("0\t1\t5\n0\t2\n", "line 2: expected 3 fields"),
        ("0\t1\t5\n0\t2\tinf\n", "line 2, column 'rating': expected a finite number"),
        ("0\t1\t5\n0\t2\tnan\n", "line 2, column 'rating': expected a number. Received: 'nan'"),
        ("0\t3000000000\t5\n", "line 1, column 'item': expected an integer from 0 to 50,000,000"),
        ("", "expected lines `user item rating`. Received none"),
    ],
)
def test_a_line_that_is_no_rating_is_named_not_shifted(tmp_path, train, message):
    write(tmp_path, train)
    with pytest.raises(DataError, match="ml100k_train.dat.gz.*" + message):
        shilling.load_shilling("ml100k", tmp_path)


def test_a_target_has_one_segment(tmp_path):
    write(tmp_path, "0\t1\t5.0\n", segments="1\t0\n1\t1\n")
    with pytest.raises(DataError, match="line 2: expected one line a target"):
        shilling.load_shilling("ml100k", tmp_path)
