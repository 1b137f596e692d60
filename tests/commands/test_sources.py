import numpy as np
import pytest

from advrec_tf.commands.sources import Source
from advrec_tf.commands.table_formats import TableFormat
from advrec_tf.data.readers.files import MissingColumnError


def written(tmp_path, rows, items=None):
    (tmp_path / "rows.csv").write_text(rows)
    if items is not None:
        (tmp_path / "items.csv").write_text(items)
    return str(tmp_path / "rows.csv"), str(tmp_path / "items.csv")


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


def test_what_is_said_of_the_marks_and_the_size_of_texts_holds_for_the_item_table_too(tmp_path):
    data, items = written(
        tmp_path, "user_id,item_id\n1,NA\n1,b\n2,NA\n", f"item_id,title\nNA,{'x' * 200_000}\n"
    )
    table = TableFormat(keep_missing=True, max_text=300_000)
    source = Source(data=data, item_table=items, item_table_text="title", table=table)
    assert [len(text) for text in source.load().interactions.item_text] == [200_000, 0]


def test_the_built_in_world_comes_with_the_truth_behind_it_and_has_columns_of_its_own():
    loaded = Source(data="synthetic").load(seed=3)
    assert loaded.best_scores.shape == (2000, 1000)
    source = Source(data="synthetic", table=TableFormat(user_column="u"))
    with pytest.raises(ValueError, match="--user-column beside --data synthetic"):
        source.load()


def test_tables_of_users_and_items_and_the_context_are_columns_of_the_data(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id,hour\n1,10,8\n1,20,9\n2,10,10\n")
    (tmp_path / "items.csv").write_text("id,price\n10,1.5\n20,2\n")
    (tmp_path / "users.csv").write_text("user_id,age\n1,30\n2,40\n")
    given = {
        "data": str(tmp_path / "rows.csv"),
        "item_table": tmp_path / "items.csv",
        "user_table": tmp_path / "users.csv",
        "item_table_id": "id",
        "context_column": ("hour",),
    }
    source = Source(**given, column_kind=("hour=category", "age=number"))
    data = source.load().interactions
    assert data.item_features["price"].tolist() == [1.5, 2]
    assert [(c.name, c.kind) for c in data.schema.user] == [("age", "number")]
    assert [(c.name, c.kind) for c in data.schema.context] == [("hour", "category")]
    with pytest.raises(ValueError, match="`--column-kind` should be COLUMN=KIND. Received: hour"):
        Source(**given, column_kind=("hour",)).load()


def test_the_ids_of_tables_are_called_as_in_the_interactions_where_nothing_is_said(tmp_path):
    (tmp_path / "rows.csv").write_text("who,what\n1,10\n1,20\n2,10\n")
    (tmp_path / "users.csv").write_text("who,age\n1,30\n2,40\n")
    (tmp_path / "items.csv").write_text("what,price,title\n10,1.5,Tea\n20,2,Jam\n")
    given = {
        "data": str(tmp_path / "rows.csv"),
        "user_table": tmp_path / "users.csv",
        "item_table": tmp_path / "items.csv",
        "item_table_text": "title",
    }
    table = TableFormat(user_column="who", item_column="what")
    data = Source(**given, table=table).load().interactions
    assert data.user_features["age"].tolist() == [30, 40]
    assert data.item_features["price"].tolist() == [1.5, 2]
    assert data.item_text.tolist() == ["Tea", "Jam"]
    with pytest.raises(
        MissingColumnError, match="users.csv, header: .* 'user_id'.*--user-table-id"
    ):
        Source(**{**given, "user_table_id": "user_id"}, table=table).load()


def test_a_table_of_items_may_have_a_separator_of_its_own_and_titles_that_look_missing(tmp_path):
    data, books = tmp_path / "rows.csv", tmp_path / "books.csv"
    data.write_text("user_id,ISBN\na,1\nb,2\na,2\nb,3\n")
    titles = ['"Le café"', '"The \\"Quiet\\" Year"', '"NA"']
    rows = "".join(f'"{i + 1}";{title}\n' for i, title in enumerate(titles))
    books.write_text("ISBN;Title\n" + rows, encoding="latin-1")

    def load(**more):
        table = TableFormat(item_column="ISBN", escape="\\", **more)
        return Source(
            data=str(data),
            item_table=books,
            item_table_id="ISBN",
            item_table_text="Title",
            table=table,
        ).load()

    with pytest.raises(ValueError, match="books.csv, line 2, byte .*`encoding`"):
        load()
    found = load(encoding="latin-1").interactions
    assert found.item_text.tolist() == ["Le café", 'The "Quiet" Year', "NA"]
