import numpy as np
import pytest

import advrec_tf as ar
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams import csv


def opened(tmp_path, text, name="one.csv", **settings):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ar.data.stream(path, **settings)


def rows_of(stream):
    return [row for table in stream.blocks() for row in table.to_pylist()]


def test_blocks_end_where_lines_do_and_hold_all_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "BLOCK_BYTES", 16)
    lines = "".join(f"{user},{'x' * (user % 11)}\n" for user in range(40))
    stream = opened(tmp_path, "user,item\n" + lines)
    assert len(stream) == 40 and len(stream.rows) > 10
    assert [row["user"] for row in rows_of(stream)] == list(range(40))
    assert sorted(stream.order(0)) == list(range(40))


def test_marks_quotes_blank_lines_and_a_missing_last_line_end_are_read_as_csv_has_them(tmp_path):
    text = '\ufeffuser,item\r\n1,"a,""b"""\r\n\r\n2,NULL\r\n3,"NULL"'
    rows = rows_of(opened(tmp_path, text))
    assert rows == [
        {"user": 1, "item": 'a,"b"'},
        {"user": 2, "item": None},
        {"user": 3, "item": "NULL"},
    ]


def test_numbers_with_leading_zeros_stay_text(tmp_path):
    stream = opened(tmp_path, "user,item\n007,1\n7,2\n")
    assert dict(stream.kinds) == {"user": "string", "item": "int"}
    assert [row["user"] for row in rows_of(stream)] == ["007", "7"]


def test_the_separator_is_that_of_the_header_or_the_one_given(tmp_path):
    assert rows_of(opened(tmp_path, "user\titem\n1\ta,b\n", "a.tsv")) == [
        {"user": 1, "item": "a,b"}
    ]
    stream = opened(tmp_path, "user;item\n1;2\n", separator=";")
    assert rows_of(stream) == [{"user": 1, "item": 2}]


def test_times_are_seconds_with_or_without_a_zone(tmp_path):
    text = "a,b,c\n2020-01-01,2020-01-01 00:00:01,2020-01-01T01:00:00+01:00\n"
    stream = opened(tmp_path, text)
    assert set(stream.kinds.values()) == {"time"}
    (row,) = stream.dataset().as_numpy_iterator()
    start = np.datetime64("2020-01-01").astype("datetime64[s]").astype(float)
    assert [row["a"] - start, row["b"] - start, row["c"] - start] == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user,item\n1,2\n3\n", "2 fields split at ','.*Expected 2 columns"),
        ('user,item\n1,"a\nb"\n', "without line ends inside quotes"),
        ("user,user\n1,2\n", "each column name once"),
        ("", "an empty file|starts empty"),
        ("\n1,2\n", "header line"),
    ],
)
def test_a_file_that_is_no_table_of_plain_lines_is_named(tmp_path, text, said):
    with pytest.raises(DataError, match=f"one.csv.*{said}"):
        opened(tmp_path, text)


def test_a_later_value_of_another_kind_is_named_with_the_kind_that_was_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "BLOCK_BYTES", 12)
    text = "user,item\n1,2\n2,3\n3,4\nsix,4\n"
    with pytest.raises(DataError, match="one.csv.*user: int, item: int.*'six'"):
        opened(tmp_path, text)
    assert rows_of(opened(tmp_path, text, kinds={"user": "string"}))[-1]["user"] == "six"
