import gzip

import pytest

from advrec_tf.data.readers import published_splits
from advrec_tf.data.readers.files import DataError
from tests.worlds import pairs_of

COUNTED = {  # users, items, train, validation, test
    "irgan-ml100k": (943, 1683, 44_140, 0, 11_235),
    "apr-loo-ml100k": (943, 1682, 99_056, 0, 943),
    "apr-loo-amazon": (3915, 2549, 73_413, 0, 3915),
    "ml1m-neumf-loo": (6040, 3706, 994_169, 0, 6040),
    "cfgan-ml100k": (943, 1653, 80_000, 0, 19_963),
    "gowalla": (29_858, 40_981, 719_081, 91_047, 217_242),
    "lightgcnpp-ml1m": (6039, 3628, 590_733, 80_897, 164_848),
    "lightgcnpp-lastfm": (1885, 17_388, 64_315, 9143, 18_321),
}


def put(root, path, text):
    path = root / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def test_every_published_split_has_a_counted_size():
    assert set(COUNTED) == set(published_splits.BENCHMARKS)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if sum(sizes) > 500_000 else ())
        for name, sizes in COUNTED.items()
    ],
)
def test_the_published_split_has_its_counted_size(name, data_root):
    split = published_splits.load_benchmark(name, data_root)
    parts = (split.train, split.validation, split.test)
    sizes = (split.train.num_users, split.train.num_items, *map(len, parts))
    assert sizes == COUNTED[name] and split.name == name
    assert split.train.items.ids[-1] == split.train.num_items - 1  # index = id


def test_the_irgan_split_tests_on_456_users(data_root):
    split = published_splits.load_benchmark("irgan-ml100k", data_root)
    assert (split.test.user_counts() > 0).sum() == 456


def test_irgan_rows_rated_below_four_are_no_positives(tmp_path):
    put(tmp_path, "irgan-ml100k/movielens-100k-train.txt", "0\t5\t4\n0\t6\t3\n2\t7\t5\n")
    put(tmp_path, "irgan-ml100k/movielens-100k-test.txt", "0\t8\t3\n1\t9\t4\n")
    split = published_splits.load_benchmark("irgan-ml100k", tmp_path)
    assert pairs_of(split.train) == [(0, 5), (2, 7)] and pairs_of(split.test) == [(1, 9)]
    assert (split.train.num_users, split.train.num_items) == (943, 1683)
    assert split.settings["positive_from"] == 4


def test_lines_of_items_are_read_for_their_user_and_may_be_empty(tmp_path):
    put(tmp_path, "gowalla/train.txt.gz", "0 3 1\n2 0\n")
    put(tmp_path, "gowalla/valid.txt.gz", "0 2\n1\n")
    put(tmp_path, "gowalla/test.txt.gz", "2 4 1\n")
    split = published_splits.load_benchmark("gowalla", tmp_path)
    assert pairs_of(split.train) == [(0, 3), (0, 1), (2, 0)]
    assert pairs_of(split.validation) == [(0, 2)] and pairs_of(split.test) == [(2, 4), (2, 1)]
    assert (split.train.num_users, split.train.num_items) == (3, 5)


def test_pairs_with_windows_line_ends_and_decimal_ratings_are_read(tmp_path):
    put(tmp_path, "cfgan/ML100K/ML100K.train", "0 1 3.0\r\n1 0 5.0\r\n")
    put(tmp_path, "cfgan/ML100K/ML100K.test", "1 2 1.0\r\n")
    split = published_splits.load_benchmark("cfgan-ml100k", tmp_path)
    assert pairs_of(split.train) == [(0, 1), (1, 0)] and pairs_of(split.test) == [(1, 2)]


def test_an_unknown_split_is_told_the_names_there_are(tmp_path):
    with pytest.raises(ValueError, match="irgan-ml100k.*gowalla.*'netflix'"):
        published_splits.load_benchmark("netflix", tmp_path)


def test_an_absent_root_is_named_with_the_variable_that_sets_it(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVREC_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="ADVREC_DATA.*nowhere"):
        published_splits.load_benchmark("gowalla")
    monkeypatch.delenv("ADVREC_DATA")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Received: \.\./shared/data"):
        published_splits.load_benchmark("gowalla")


def test_the_variable_sets_the_root_and_the_argument_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVREC_DATA", str(tmp_path))
    assert published_splits.data_root() == tmp_path
    (tmp_path / "other").mkdir()
    assert published_splits.data_root(tmp_path / "other") == tmp_path / "other"


def test_an_absent_file_is_named(tmp_path):
    for name in ("gowalla", "cfgan-ml100k"):
        with pytest.raises(FileNotFoundError, match="train"):
            published_splits.load_benchmark(name, tmp_path)


def test_a_file_of_text_or_negative_ids_is_refused_by_name(tmp_path):
    put(tmp_path, "cfgan/ML100K/ML100K.train", "a b c\n")
    with pytest.raises(
        DataError, match=r"train, line 1, column 'user': expected an integer from 0"
    ):
        published_splits.load_benchmark("cfgan-ml100k", tmp_path)
    put(tmp_path, "cfgan/ML100K/ML100K.train", "1 0 5\n0 -1 5\n")
    with pytest.raises(DataError, match=r"train, line 2, column 'item': expected an integer.*'-1'"):
        published_splits.load_benchmark("cfgan-ml100k", tmp_path)
    put(tmp_path, "gowalla/train.txt.gz", "0 x\n")
    with pytest.raises(DataError, match=r"txt\.gz, line 1, column 'id': expected an integer.*'x'"):
        published_splits.load_benchmark("gowalla", tmp_path)


@pytest.mark.parametrize("lists", ["0 1_0\n", "0 \uff11\n", "0 3000000000\n", "0 1.0\n"])
def test_an_id_is_an_index_in_ascii_digits_that_memory_can_hold(tmp_path, lists):
    put(tmp_path, "gowalla/train.txt.gz", lists)
    with pytest.raises(DataError, match="line 1, column 'id': expected an integer from 0 to"):
        published_splits.load_benchmark("gowalla", tmp_path)


def test_lines_hold_one_number_of_fields(tmp_path):
    put(tmp_path, "cfgan/ML100K/ML100K.train", "0 1 3\n0 2\n")
    with pytest.raises(DataError, match="train, line 2: expected 3 fields.*Received 2"):
        published_splits.load_benchmark("cfgan-ml100k", tmp_path)
