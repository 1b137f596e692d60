import gzip
import json

import numpy as np
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.side_tables import read_attributes, read_texts
from advrec_tf.data.vocabulary import Vocabulary

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
    with pytest.raises(DataError, match=r"line 3.*item_id.*one line an id \(its first is line 2\)"):
        read_attributes(table, ITEMS)
    with pytest.raises(ValueError, match="`text_column` should name"):
        read_texts(table)
    with pytest.raises(ValueError, match="expected a column 'b'"):
        read_texts(table, text_column="b")
    table.write_text("item_id,a\nq,x\n")
    with pytest.raises(ValueError, match="should hold ids such as"):
        read_attributes(table, ITEMS)
    table.write_text("item_id\n1\n")
    with pytest.raises(ValueError, match="should have a column beside"):
        read_attributes(table, ITEMS)
    with pytest.raises(FileNotFoundError):
        read_attributes(tmp_path / "nowhere.csv", ITEMS)


def texts_of(tmp_path, content, name="texts.csv", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_texts(path, text_column="title", **settings)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("item_id,title,price\n1,Toy, Story,3\n", 2),
        ("item_id,title\n1,Toy,\n2,Heat,\n", 2),
        ("item_id,title\n1,Toy\n2\n", 3),
    ],
)
def test_a_line_with_another_number_of_fields_is_refused_not_shifted(tmp_path, content, line):
    with pytest.raises(DataError, match=rf"texts\.csv, line {line}: expected \d fields"):
        texts_of(tmp_path, content)
    with pytest.raises(DataError, match=rf"texts\.csv, line {line}: expected \d fields"):
        read_attributes(tmp_path / "texts.csv", ITEMS)


def test_a_line_without_an_id_is_left_out_and_said(tmp_path):
    said = []
    found = texts_of(tmp_path, "item_id,title\n1,Toy\n,Lost\nNA,Lost\n2,Heat\n", log=said.append)
    assert found == {1: "Toy", 2: "Heat"}
    (line,) = said
    assert "2 lines without an id are left out, the first is line 3" in line


def test_a_title_that_reads_like_a_missing_value_is_a_title(tmp_path):
    assert texts_of(tmp_path, "item_id,title\n1,None\n2,NA\n3,\n") == {1: "None", 2: "NA", 3: ""}


def test_marks_encodings_and_separators_are_as_in_the_main_file(tmp_path):
    assert texts_of(tmp_path, b"\xef\xbb\xbfitem_id,title\n1,Toy\n") == {1: "Toy"}
    assert texts_of(tmp_path, "item_id|title\n1|Toy\n") == {1: "Toy"}
    latin = "item_id;title\n1;Caf\xe9\n".encode("latin-1")
    assert texts_of(tmp_path, latin, encoding="latin-1") == {1: "Caf\xe9"}
    with pytest.raises(DataError, match=r"texts\.csv, line 2, byte 6 .*latin-1"):
        texts_of(tmp_path, latin)
    with pytest.raises(DataError, match=r"texts\.csv: expected a header"):
        texts_of(tmp_path, "")
    cut = gzip.compress(b"item_id,title\n" + b"1,Toy\n" * 99)[:-9]
    with pytest.raises(DataError, match=r"texts\.csv\.gz should be a whole gzip file"):
        texts_of(tmp_path, cut, "texts.csv.gz")


def test_whole_floats_are_the_integers_of_the_vocabulary(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\n3.0,1\n7.0,2\n")
    table, missing = read_attributes(path, ITEMS)
    assert table["price"].tolist()[::2] == [1, 2] and missing == 1
    with pytest.raises(DataError, match="line 3.*one line an id"):
        path.write_text("item_id,price\n3.0,1\n3,2\n")
        read_attributes(path, ITEMS)


def test_a_cell_of_several_values_may_be_missing(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,genre,price\n3,Crime|Drama,5\n1,Crime,6\n7,,\n")
    table, absent = read_attributes(path, ITEMS)
    assert absent == 0
    assert table["genre Crime"].tolist() == [1, 1, 0] and table["genre Drama"].tolist() == [1, 0, 0]
    assert np.isnan(table["price"][2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"1": "Toy", "1": "Heat"}', "the id '1' twice"),
        ('{"1": "Toy", "1.0": "Heat"}', "each id once .it stands as '1' too.*'1.0'"),
        ('{"1": "\\ud800"}', "half of a surrogate pair.*of the id '1'"),
        ("[" * 100_000, "deeply nested brackets"),
        ('{"1": 2}', "one JSON object of texts"),
    ],
)
def test_json_that_is_no_object_of_texts_is_refused_with_its_file(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"texts\.json: expected .*{message}"):
        texts_of(tmp_path, content, "texts.json")


def test_numbers_and_dates_of_attributes_are_read_in_their_notation_and_it_is_said(tmp_path):
    path = tmp_path / "items.csv"
    rows = ["3,-,1970-01-03,007,5|6", '1,"$1,012.50",1970-01-02,012,5', "7,$9.00,?,100,7"]
    path.write_text("item_id,price,since,code,parts\n" + "\n".join(rows) + "\n")
    said = []
    table, _ = read_attributes(path, ITEMS, log=said.append)
    np.testing.assert_array_equal(table["price"], [np.nan, 1012.5, 9.0])
    np.testing.assert_array_equal(table["since"], [2.0, 1.0, np.nan])
    assert table["code"].tolist() == ["007", "012", "100"]
    assert table["parts 5"].tolist() == [1, 1, 0]
    assert any("price: '-' 1 taken for missing" in line for line in said)
    assert any("`kinds={'code': 'number'}` reads numbers" in line for line in said)
    table, _ = read_attributes(path, ITEMS, kinds={"code": "number", "price": "category"})
    assert table["code"].tolist() == [7, 12, 100] and table["price"][0] == "-"
    with pytest.raises(ValueError, match="`kinds` and `readings` should name columns.*colour"):
        read_attributes(path, ITEMS, kinds={"colour": "number"})


def test_a_value_that_is_no_number_where_most_are_is_refused_with_its_line(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\n3,5\n1,cheap\n7,6\n")
    with pytest.raises(
        DataError, match=r"line 3, column 'price': expected a number.*`kinds=\{'price': 'category'"
    ):
        read_attributes(path, ITEMS)
    table, _ = read_attributes(path, ITEMS, missing=["cheap"])
    assert np.isnan(table["price"][1])
