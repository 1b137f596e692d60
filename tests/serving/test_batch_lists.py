"""The lists of all users in a Parquet file."""

import pandas as pd
import pytest

from advrec_tf.models.baselines import EASE
from advrec_tf.serving.batch_lists import recommend_all
from tests.worlds import tiny_world

pytest.importorskip("pyarrow")


@pytest.mark.parametrize("block", [None, 5])
def test_the_file_holds_the_lists_of_recommend(tmp_path, block):
    data = tiny_world(12, 9)
    model = EASE(1.0).fit(data)
    path = tmp_path / "lists.parquet"
    written = recommend_all(model, path, 4, block=block)
    found, expected = pd.read_parquet(path), model.recommend(data.users.ids, 4)
    assert written == len(found) == len(expected)
    assert found["user_id"].dtype == found["item_id"].dtype == "int64"
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-4)
    assert [file.name for file in tmp_path.iterdir()] == ["lists.parquet"]


def test_ids_of_text_stay_text(recommender, tmp_path):
    recommend_all(recommender, tmp_path / "x.parquet", 2)
    found = pd.read_parquet(tmp_path / "x.parquet")
    assert found["user_id"].tolist() == [11, 11, 12, 12, 13]
    assert found["item_id"].tolist() == ["c", "d", "e", "d", "e"]
    assert found["rank"].tolist() == [1, 2, 1, 2, 1]


def test_a_failed_job_leaves_the_old_file(recommender, tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    recommend_all(recommender, path, 2)
    old = path.read_bytes()

    def fail(*args):
        raise RuntimeError("no memory")

    monkeypatch.setattr(type(recommender), "recommend", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        recommend_all(recommender, path, 3)
    assert path.read_bytes() == old and len(list(tmp_path.iterdir())) == 1


def test_a_length_below_one_is_refused(recommender, tmp_path):
    with pytest.raises(ValueError, match="`k` and `block` should be >= 1. Received: 0"):
        recommend_all(recommender, tmp_path / "x.parquet", 0)
