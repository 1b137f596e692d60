import numpy as np
import pytest

from advrec_tf.commands.arguments import Source, TableFormat


def written(tmp_path, rows, items=None):
    (tmp_path / "rows.csv").write_text(rows)
    if items is not None:
        (tmp_path / "items.csv").write_text(items)
    return str(tmp_path / "rows.csv"), str(tmp_path / "items.csv")


def test_only_what_was_given_reaches_the_reader():
    assert TableFormat().given() == {}
    given = TableFormat(user_column="u", missing=("-",), unrated=0.0, keep_missing=True)
    assert given.given() == {
        "user_column": "u",
        "missing": ["-"],
        "unrated": 0.0,
        "keep_missing": True,
    }


def test_marks_of_missing_values_and_the_rating_that_is_none_reach_the_reader(tmp_path):
    data, _ = written(tmp_path, "user_id,item_id,stars\nnull,x,0\nb,y,5\n-,y,4\n")
    table = TableFormat(rating_column="stars", unrated=0.0, keep_missing=True, missing=("-",))
    read = Source(data=data, table=table).load().interactions
    assert read.users.ids.tolist() == ["null", "b", "-"]
    assert np.isnan(read.rating).tolist() == [True, False, False]
    table = TableFormat(rating_column="stars", missing=("-",))
    read = Source(data=data, table=table).load().interactions
    assert read.users.ids.tolist() == ["null", "b"]


def test_titles_of_an_item_table_are_attached_by_id(tmp_path):
    data, items = written(
        tmp_path,
        "user_id,item_id\n1,10\n1,20\n2,10\n",
        "item_id,title\n10,Ten\n20,Twenty\n30,Thirty\n",
    )
    source = Source(data=data, item_table=items, item_table_text="title")
    assert source.load().interactions.item_text.tolist() == ["Ten", "Twenty"]
    with pytest.raises(ValueError, match="expected a column 'name'.*'item_id', 'title'"):
        Source(data=data, item_table=items, item_table_text="name").load()


def test_the_built_in_world_comes_with_the_truth_behind_it_and_has_columns_of_its_own():
    loaded = Source(data="synthetic").load(seed=3)
    assert loaded.best_scores.shape == (2000, 1000)
    source = Source(data="synthetic", table=TableFormat(user_column="u"))
    with pytest.raises(ValueError, match="--user-column beside --data synthetic"):
        source.load()
