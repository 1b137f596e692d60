import pandas as pd
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.overview import columns_seen

TEXT = "user;price;when;note\nu1;1,5;2024-01-02;a\nu2;2,5;2024-01-03;\nu1;3,25;2024-01-04;b\n"


def test_each_column_of_a_text_file_has_its_kind_and_its_first_value(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(TEXT)
    user, price, when, note = columns_seen(path)
    assert (user.name, user.kind, user.distinct, user.missing) == ("user", "category", 2, 0)
    assert (price.kind, price.distinct, price.example) == ("number", 3, "1,5")
    assert (when.kind, when.example) == ("time", "2024-01-02")
    assert (note.kind, note.distinct, note.missing, note.example) == ("category", 2, 1, "a")


def test_ids_with_a_stroke_in_them_are_no_lists(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("user,genres\nx|y,war\na,war|love\nb,love\n")
    assert [(c.name, c.kind) for c in columns_seen(path)] == [
        ("user", "category"),  # 4 entries in 3 texts
        ("genres", "sequence"),
    ]


def test_a_column_of_numbers_with_something_else_among_them_is_mixed(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(50)) + "oops\n")
    (column,) = columns_seen(path)
    assert (column.kind, column.distinct) == ("mixed", 51)


def test_a_parquet_file_and_a_file_without_a_header_are_seen_alike(tmp_path):
    frame = pd.DataFrame({"user": ["u1", "u2", "u1"], "price": [1.5, 2.5, None]})
    frame.to_parquet(tmp_path / "events.parquet")
    frame.to_csv(tmp_path / "events.csv", index=False, header=False)
    seen = columns_seen(tmp_path / "events.parquet")
    assert seen == columns_seen(tmp_path / "events.csv", column_names=["user", "price"])
    assert [(c.distinct, c.missing) for c in seen] == [(2, 0), (2, 1)]


def test_a_file_without_rows_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\n")
    pd.DataFrame({"user": []}).to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(DataError, match="expected rows"):
            columns_seen(tmp_path / name)
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="whole Parquet file"):
        columns_seen(tmp_path / "b.parquet")
