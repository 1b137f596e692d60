import gzip
import json

import numpy as np
import pytest

from advrec_tf.data.interactions import Vocabulary
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.side_tables import join_texts, read_attributes, read_texts

ITEMS = Vocabulary(np.array([3, 1, 7]))


def test_texts_come_from_json_tables_and_movies_dat(tmp_path):
    path = tmp_path / "texts.json.gz"
    with gzip.open(path, "wt") as file:
        json.dump({"3": "Amélie", "1": ""}, file)
    assert read_texts(path) == {3: "Amélie", 1: ""}
    table = tmp_path / "texts.csv"
    table.write_text("item_id,blurb\na,one\nb,two\n")
    assert read_texts(table, text_column="blurb") == {"a": "one", "b": "two"}
    movies = tmp_path / "movies.dat"
    movies.write_text("1::Toy Story (1995)::Animation|Comedy\n", encoding="latin-1")
    assert read_texts(movies) == {1: "Toy Story (1995)"}


def test_attributes_follow_the_vocabulary_and_their_kinds(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,genre,year,label\n1,Crime|Drama,1990,x\n3,Drama,NA,\n9,War,1,y\n")
    table, missing = read_attributes(path, ITEMS)
    assert missing == 1  # item 7 has no row; the row of item 9 belongs to nobody
    assert table["genre Drama"].tolist()[:2] == [1.0, 1.0]
    assert table["genre Crime"].tolist()[:2] == [0.0, 1.0]
    assert np.isnan(table["year"][0]) and table["year"][1] == 1990
    assert table["label"].tolist()[1] == "x" and table["label"].isna().tolist() == [
        True,
        False,
        True,
    ]
    assert table.iloc[2].isna().all()


def test_movielens_side_files_are_known_by_their_names(tmp_path):
    (tmp_path / "movies.dat").write_text("3::A (1999)::War\n7::B (2000)::Drama|War\n")
    (tmp_path / "users.dat").write_text("3::F::25::12::00000\n")
    movies, _ = read_attributes(tmp_path / "movies.dat", ITEMS)
    assert movies[["Drama", "War", "release_year"]].iloc[2].tolist() == [1, 1, 2000]
    users, missing = read_attributes(tmp_path / "users.dat", ITEMS, id_column="user_id")
    assert users.iloc[0].tolist() == ["F", 25.0, "12"] and missing == 2


def test_texts_are_joined_in_order_and_without_those_that_are_empty():
    joined = join_texts([1, 2, 3], {1: "Title.", 2: "Other"}, {1: "About it.", 3: " Alone "})
    assert joined.tolist() == ["Title. About it", "Other", "Alone"]


def test_what_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text("[1, 2]")
    with pytest.raises(DataError, match="bad.json: expected one JSON object"):
        read_texts(path)
    path.write_text("{")
    with pytest.raises(DataError, match="bad.json: expected one JSON object"):
        read_texts(path)
    table = tmp_path / "items.csv"
    table.write_text("item_id,a\n1,x\n1,y\n")
    with pytest.raises(DataError, match="row 2.*item_id.*one row an id"):
        read_attributes(table, ITEMS)
    with pytest.raises(ValueError, match="`text_column` should name"):
        read_texts(table)
    with pytest.raises(ValueError, match="should have a column 'b'"):
        read_texts(table, text_column="b")
    table.write_text("item_id,a\nq,x\n")
    with pytest.raises(ValueError, match="should hold ids such as"):
        read_attributes(table, ITEMS)
    table.write_text("item_id\n1\n")
    with pytest.raises(ValueError, match="should have a column beside"):
        read_attributes(table, ITEMS)
    with pytest.raises(FileNotFoundError):
        read_attributes(tmp_path / "nowhere.csv", ITEMS)
