import gzip

import numpy as np
import pytest

from advrec_tf.data.readers import published_sequences
from advrec_tf.data.readers.files import DataError
from tests.worlds import pairs_of

COUNTED = {  # interactions, users, items, times that are missing
    "s3-beauty": (198_502, 22_363, 12_101, None),
    "s3-sports": (296_337, 35_598, 18_357, None),
    "bert4rec-beauty": (353_962, 40_226, 54_542, None),
    "ml1m-5core": (999_611, 6_040, 3_416, None),
    "s3-beauty-times": (198_502, 22_363, 12_101, 431),
    "amazon-phones": (194_439, 27_879, 10_429, 34),
}


def put(root, path, text):
    path = root / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


def test_all_published_sequences_have_a_counted_size():
    assert set(COUNTED) == {*published_sequences.LISTS, *published_sequences.TIMED}


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_the_published_sequences_have_their_counted_size(name, data_root):
    data = published_sequences.load_sequences(name, data_root)
    missing = None if data.timestamp is None else int(np.isnan(data.timestamp).sum())
    assert (len(data), data.num_users, data.num_items, missing) == COUNTED[name]


def test_the_published_sessions_have_their_counted_size(data_root):
    split = published_sequences.load_sessions("rsc15-100k", data_root)
    assert [len(split.train), len(split.validation), len(split.test)] == [70_278, 0, 13_568]
    assert (split.train.user_counts() > 0).sum() == 17_794 and split.train.num_items == 2933
    assert (split.test.user_counts() > 0).sum() == 3416


def test_lines_of_items_keep_their_order_and_their_ids(tmp_path):
    put(tmp_path, "ml-1m/sequences-5core.txt.gz", "7 30 c5 30\n\n2 c5 9\n")
    data = published_sequences.load_sequences("ml1m-5core", tmp_path)
    assert pairs_of(data) == [(0, 0), (0, 1), (0, 0), (1, 1), (1, 2)]
    assert data.users.ids.tolist() == [7, 2] and data.items.ids.tolist() == ["30", "c5", "9"]
    put(tmp_path, "bert4rec-beauty/beauty.txt.gz", "1 5\n1 6\n2 5\n")
    data = published_sequences.load_sequences("bert4rec-beauty", tmp_path)
    assert pairs_of(data) == [(0, 0), (0, 1), (1, 0)] and data.items.ids.tolist() == [5, 6]


def test_a_missing_time_leaves_no_row_out(tmp_path):
    text = "user,item,time,colarec_split\n1,5,1385856000,train\n1,6,,train\n2,5,1400630400,test\n"
    put(tmp_path, "amazon-phones/interactions.csv.gz", text)
    data = published_sequences.load_sequences("amazon-phones", tmp_path)
    assert pairs_of(data) == [(0, 0), (0, 1), (1, 0)] and data.context is None
    np.testing.assert_array_equal(data.timestamp, [1385856000, np.nan, 1400630400])


def test_sessions_share_their_items_and_not_their_users(tmp_path):
    head = "SessionId\tItemId\tTime\n"
    put(tmp_path, "rsc15-100k/train_full.txt.gz", head + "3\t70\t1.5\n3\t80\t2.5\n4\t70\t1\n")
    put(tmp_path, "rsc15-100k/test.txt.gz", head + "9\t90\t5\n9\t80\t6\n8\t80\t7\n")
    split = published_sequences.load_sessions("rsc15-100k", tmp_path)
    assert split.train.items.ids.tolist() == [70, 80, 90]
    assert split.train.users.ids.tolist() == [3, 4, 9, 8]
    assert pairs_of(split.train) == [(0, 0), (0, 1), (1, 0)]
    assert pairs_of(split.test) == [(2, 2), (2, 1), (3, 1)] and not len(split.validation)
    assert split.train.timestamp.tolist() == [1.5, 2.5, 1]


def test_what_is_no_sequence_is_refused_with_its_place(tmp_path):
    for load in (published_sequences.load_sequences, published_sequences.load_sessions):
        with pytest.raises(ValueError, match="`name` should be one of .*Received: 'x'"):
            load("x")
    with pytest.raises(FileNotFoundError, match="s3-sports should have its file s3-amazon/sports"):
        published_sequences.load_sequences("s3-sports", tmp_path)
    put(tmp_path, "s3-amazon/sports.txt.gz", "1 2 3\n4\n")
    with pytest.raises(DataError, match="line 2: expected `user item.*'4'"):
        published_sequences.load_sequences("s3-sports", tmp_path)
    put(tmp_path, "s3-amazon/sports.txt.gz", "\n")
    with pytest.raises(DataError, match="expected lines `user item .*none"):
        published_sequences.load_sequences("s3-sports", tmp_path)
