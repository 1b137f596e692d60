"""The lists of all users in a file."""

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


@pytest.mark.parametrize("block", [None, 2])
@pytest.mark.parametrize(("name", "separator"), [("x.csv", ","), ("x.TSV", "\t")])
def test_text_has_a_line_for_each_recommendation_below_the_names(
    recommender, tmp_path, block, name, separator
):
    path = tmp_path / name
    lists = recommender.recommend([11, 12, 13], 2)
    # users 11 and 12 have two items left or more, user 13 one
    assert recommend_all(recommender, path, 2, block=block) == 5
    lines = [line.split(separator) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == ["user_id", "rank", "item_id", "score"]
    assert [line[:3] for line in lines[1:]] == [
        ["11", "1", "c"],
        ["11", "2", "d"],
        ["12", "1", "e"],
        ["12", "2", "d"],
        ["13", "1", "e"],
    ]
    assert [float(line[3]) for line in lines[1:]] == pytest.approx(list(lists["score"]), rel=1e-6)


def test_an_id_that_holds_the_separator_is_read_back(make_recommender, tmp_path):
    model = make_recommender(items=["a,b", 'c"d', "e", "f", "g"])
    recommend_all(model, tmp_path / "x.csv", 4)
    found = pd.read_csv(tmp_path / "x.csv")
    # user 12 has item "e", and likes best what comes last
    assert found[found["user_id"] == 12]["item_id"].tolist() == ["g", "f", 'c"d', "a,b"]


@pytest.mark.parametrize("name", ["lists.txt", "lists", "lists.csv.gz"])
def test_another_kind_of_file_is_refused_with_those_there_are(recommender, tmp_path, name):
    with pytest.raises(
        ValueError, match=r"`path` should end in \.parquet, \.csv or \.tsv.*" + name
    ):
        recommend_all(recommender, tmp_path / name)
    assert not list(tmp_path.iterdir())
