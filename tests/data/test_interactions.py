import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.loading import load
from advrec_tf.data.vocabulary import Vocabulary
from tests.worlds import interactions_of


def test_columns_of_other_lengths_and_foreign_indices_are_refused():
    columns = {"users": Vocabulary([1, 2]), "items": Vocabulary([1, 2])}
    one, two = np.zeros(1, np.int32), np.array([0, 2], np.int32)
    with pytest.raises(ValueError, match="`item_index` should have 1 entries. Received 2"):
        Interactions(user_index=one, item_index=two, **columns)
    with pytest.raises(ValueError, match=r"`item_index` should lie in 0\.\.1. Received 0\.\.2"):
        Interactions(user_index=two * 0, item_index=two, **columns)
    with pytest.raises(ValueError, match="`rating` should have 1 entries"):
        Interactions(user_index=one, item_index=one, rating=np.zeros(2), **columns)
    with pytest.raises(ValueError, match="`item_text` should have 2 rows"):
        Interactions(user_index=one, item_index=one, item_text=np.array(["a"]), **columns)


def test_items_of_each_user_are_sorted_and_without_repeats():
    known = interactions_of([(2, 1), (0, 3), (2, 1), (0, 0)], 3, 4).by_user()
    assert [known[user].tolist() for user in range(3)] == [[0, 3], [], [1]]
    assert known.counts.tolist() == [2, 0, 1] and known.users().tolist() == [0, 0, 2]
    assert known.dense().tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]


def test_a_selection_keeps_the_vocabularies_and_compaction_does_not():
    data = interactions_of(
        [(0, 0), (1, 2), (0, 1)], users=["u", "v"], items=[5, 6, 7], timestamp=[3, 2, 1]
    )
    kept = data.select(np.array([2, 1]))
    assert kept.item_index.tolist() == [1, 2] and kept.timestamp.tolist() == [1, 2]
    assert kept.num_items == 3
    compact = kept.compacted()
    assert compact.items.ids.tolist() == [6, 7] and compact.item_index.tolist() == [0, 1]


def test_a_parquet_file_gives_the_same_interactions_back(tmp_path):
    data = interactions_of(
        [(0, 0), (1, 2), (0, 1)],
        users=["u", "v"],
        items=[5, 7, 6],
        rating=[4, np.nan, 2],
        timestamp=[3.5, 2, 1],
        item_text=np.array(["five", "", "six"], object),
    )
    data = data.select([0, 2, 1])  # the vocabularies in order of first appearance
    path = tmp_path / "data.parquet"
    data.to_parquet(path)
    columns = {"rating_column": "rating", "time_column": "timestamp"}
    back = load(path, item_text_column="item_text", **columns)
    assert back.interactions.fingerprint() == data.fingerprint()
    assert back.interactions.item_text.tolist() == ["five", "", "six"]
    assert back.report.noticed["missing rating, the row kept"].number == 1
    with pytest.raises(FileExistsError, match="data.parquet"):
        data.to_parquet(path)
    data.to_parquet(path, overwrite=True)


def test_ratings_are_summed_up_without_those_that_are_missing():
    data = interactions_of([(0, 0), (0, 1), (1, 0)], rating=[1.0, np.nan, 3.0])
    assert data.rating_summary == (2.0, 5.0, 1.0, 3.0)
    assert interactions_of([(0, 0)], rating=[np.nan]).rating_summary is None
    assert interactions_of([(0, 0)]).rating_summary is None
