import hashlib
import json

import numpy as np
import pytest

from advrec_tf.data.readers import tables
from advrec_tf.data.readers.files import DataError


def table(tmp_path, text, name="rows.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(reader, source, **settings):
    with pytest.raises(DataError) as caught:
        reader(source, **settings)
    return str(caught.value)


RATED = {"rating_column": "rating"}
TIMED = {"time_column": "time"}


def rated(*ratings):
    rows = "".join(f"u{i},i{i},{rating}\n" for i, rating in enumerate(ratings))
    return "user_id,item_id,rating\n" + rows


def timed(*times):
    return rated(*times).replace("rating", "time")


# What a good file gives


def test_indices_follow_first_appearance_and_columns_their_names(tmp_path):
    text = "when,movie,who,stars\n5,7,30,2.5\n6,9,10,4\n7,7,10,1\n"
    loaded = tables.read_table(
        table(tmp_path, text),
        user_column="who",
        item_column="movie",
        rating_column="stars",
        time_column="when",
    )
    data = loaded.interactions
    assert data.users.ids.tolist() == [30, 10] and data.users.ids.dtype == np.int64
    assert data.items.ids.tolist() == [7, 9]
    assert data.user_index.tolist() == [0, 1, 1] and data.user_index.dtype == np.int32
    assert data.item_index.tolist() == [0, 1, 0]
    assert data.rating.tolist() == [2.5, 4, 1] and data.rating.dtype == np.float32
    assert data.timestamp.tolist() == [5, 6, 7] and data.timestamp.dtype == np.float64


def test_small_blocks_give_the_same_data_as_one(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = "".join(f"{u},{i},{u % 5}\n" for u, i in rng.integers(0, 20, (100, 2)))
    path = table(tmp_path, "user_id,item_id,rating\n" + rows)
    whole = tables.read_table(path, **RATED)
    monkeypatch.setattr(tables, "BLOCK_ROWS", 7)
    blocks = tables.read_table(path, **RATED)
    assert blocks.interactions.fingerprint() == whole.interactions.fingerprint()
    assert blocks.report == whole.report


def test_a_fingerprint_is_the_hash_of_ids_indices_ratings_and_times_on_any_machine(tmp_path):
    data = tables.read_table(table(tmp_path, rated(2, 4)), **RATED).interactions
    index = b"\0\0\0\0" + b"\1\0\0\0"  # 0 and 1 in 32 bits, low byte first
    ratings = b"\0\0\0\x40" + b"\0\0\x80\x40"  # 2 and 4 as float32
    content = b"u0\x1fu1" + b"i0\x1fi1" + index + index + ratings + b"-"  # no times
    assert data.fingerprint() == hashlib.sha256(content).hexdigest()


def test_the_separator_comes_from_the_header_then_from_the_file_name(tmp_path):
    rows = "user_id{0}item_id\na{0}x\nb{0}y\n"
    for separator, name in (
        ("\t", "rows.tsv"),
        (",", "rows.csv"),
        ("\t", "rows.csv"),
        (",", "rows.tsv"),
    ):
        data = tables.read_table(table(tmp_path, rows.format(separator), name)).interactions
        assert data.users.ids.tolist() == ["a", "b"]
    both = "user_id\titem_id\tno,te\na\tx\t1\nb\ty\t2\n"
    assert len(tables.read_table(table(tmp_path, both, "rows.tsv")).interactions) == 2
    data = tables.read_table(table(tmp_path, rows.format(";")), separator=";").interactions
    assert len(data) == 2


def test_a_file_without_a_header_is_read_by_the_names_given(tmp_path):
    path = table(tmp_path, "1::10::5\n2::20::4\n")
    names = ("user_id", "item_id", "rating")
    data = tables.read_table(path, column_names=names, separator="::", **RATED).interactions
    assert data.users.ids.tolist() == [1, 2] and data.rating.tolist() == [5, 4]


def test_ids_are_integers_only_where_all_are_written_as_such(tmp_path):
    def ids(*texts):
        rows = "".join(f"{text},x{i}\n" for i, text in enumerate(texts))
        return tables.read_table(table(tmp_path, "user_id,item_id\n" + rows)).interactions.users.ids

    assert ids("7", "-7", "0").tolist() == [7, -7, 0]
    assert ids("007", "7").tolist() == ["007", "7"]  # two users, not one
    assert ids("1.5", "2").tolist() == ["1.5", "2"]
    assert ids("9223372036854775808", "1").tolist() == ["9223372036854775808", "1"]  # 2 ** 63


def test_iso_dates_become_seconds_since_1970_in_utc(tmp_path):
    texts = (
        "1970-01-02",
        "1970-01-01T00:01:00",
        "1970-01-01 01:00:00+01:00",
        "1970-01-01T00:00:02Z",
    )
    data = tables.read_table(table(tmp_path, timed(*texts)), **TIMED).interactions
    assert data.timestamp.tolist() == [86400, 60, 0, 2]


def test_the_first_text_of_an_item_stands_and_another_one_is_counted(tmp_path):
    text = "user_id,item_id,title\na,x,\na,x,Jaws\nb,x,Jaws 2\nb,y,\n"
    loaded = tables.read_table(table(tmp_path, text), item_text_column="title")
    assert loaded.interactions.item_text.tolist() == ["Jaws", ""]
    noticed = {what: count.number for what, count in loaded.report.noticed.items()}
    assert noticed["item without text"] == 1
    assert noticed["item with more than one text, the first kept"] == 1


# What is left out, and counted


def test_every_row_left_out_is_counted_once_with_the_line_of_the_first(tmp_path):
    text = (
        "user_id,item_id,rating,time\n"
        "a,x,1,1\n"
        ",x,1,1\n"  # line 3
        ",,1,1\n"  # both missing: counts as the user's
        "a,NaN,1,1\n"  # line 5
        "a,y,1,\n"  # line 6
        "b,y,1, \n"
        "b,y,nan,3\n"  # line 8: kept, without a rating
        "b,y,2,4\n"
    )
    loaded = tables.read_table(table(tmp_path, text), time_column="time", **RATED)
    left_out = {what: tuple(count) for what, count in loaded.report.left_out.items()}
    assert left_out == {
        "missing user id": (2, 3),
        "missing item id": (1, 5),
        "missing time": (2, 6),
    }
    assert tuple(loaded.report.noticed["missing rating, the row kept"]) == (1, 8)
    assert (loaded.report.rows_read, loaded.report.rows_kept) == (8, 3)
    np.testing.assert_array_equal(loaded.interactions.rating, [1, np.nan, 2])


def test_an_id_met_only_in_rows_left_out_is_no_id(tmp_path):
    text = "user_id,item_id,time\nghost,x,\na,x,1\nb,y,2\n"
    data = tables.read_table(table(tmp_path, text), time_column="time").interactions
    assert data.users.ids.tolist() == ["a", "b"]


def test_missing_values_are_refused_on_demand(tmp_path):
    path = table(tmp_path, "user_id,item_id\na,x\nb,\n,y\n")
    text = refusal(tables.read_table, path, on_missing="raise")
    assert "line 3" in text and "missing item id" in text


def test_a_file_where_every_row_lacks_an_id_is_refused(tmp_path):
    path = table(tmp_path, "user_id,item_id\n,x\n,y\n")
    assert "missing user id: 2" in refusal(tables.read_table, path)


def test_repeated_pairs_are_kept_and_counted(tmp_path):
    loaded = tables.read_table(table(tmp_path, "user_id,item_id\na,x\nb,y\na,x\na,x\n"))
    assert loaded.report.duplicate_pairs == 2 and len(loaded.interactions) == 4
    assert loaded.report.noticed["repeated user-item pair"].first == 4


def test_ids_that_are_mostly_integers_are_pointed_out(tmp_path):
    loaded = tables.read_table(table(tmp_path, "user_id,item_id\n1,x\n2,y\nbob,x\n3,y\n"))
    assert loaded.interactions.users.ids.tolist() == ["1", "2", "bob", "3"]
    (what,) = loaded.report.noticed
    assert what.startswith("user id that is no integer")
    assert tuple(loaded.report.noticed[what]) == (1, 4)


def test_blanks_around_an_id_make_no_second_id(tmp_path):
    loaded = tables.read_table(table(tmp_path, "user_id,item_id\n1, x\n 1,x\n2 ,y\n"))
    assert loaded.interactions.users.ids.tolist() == [1, 2]
    assert loaded.report.noticed["user id with blanks around it, trimmed"].number == 2


def test_the_report_reads_well_and_goes_into_json(tmp_path):
    path = table(tmp_path, "user_id,item_id\na,x\nb,y\n,y\na,x\n")
    report = tables.read_table(path).report
    assert str(report).splitlines() == [
        f"{path}: 3 of 4 rows kept, 2 users, 2 items",
        "  left out: missing user id: 1 (first in line 4)",
        "  noticed: repeated user-item pair: 1 (first in line 5)",
    ]
    record = json.loads(json.dumps(report.as_dict()))
    assert record["left_out"] == {"missing user id": {"number": 1, "first": 4}}


# What is refused


def test_a_missing_column_is_named_beside_those_that_exist(tmp_path):
    text = refusal(tables.read_table, table(tmp_path, rated(1, 2)), item_column="movie")
    assert "'movie'" in text and "'user_id', 'item_id', 'rating'" in text and "','" in text


def test_a_column_name_that_stands_twice_is_named(tmp_path):
    text = refusal(tables.read_table, table(tmp_path, "user_id,item_id,user_id\na,x,b\n"))
    assert "'user_id' as columns 1, 3" in text


def test_a_rating_that_is_text_is_named(tmp_path):
    text = refusal(tables.read_table, table(tmp_path, rated(3, "good")), **RATED)
    assert "line 3, column 'rating': expected a number. Received: 'good'" in text


def test_an_infinite_rating_is_named(tmp_path):
    text = refusal(tables.read_table, table(tmp_path, rated(3, 4, "inf")), **RATED)
    assert "line 4, column 'rating': expected a finite number" in text


def test_a_rating_outside_its_range_is_named(tmp_path):
    path = table(tmp_path, rated(1, 5, 6))
    text = refusal(tables.read_table, path, rating_range=(1, 5), **RATED)
    assert "line 4" in text and "a rating in 1..5" in text and "6.0" in text
    assert len(tables.read_table(path, rating_range=(1, 6), **RATED).interactions) == 3


def test_a_rating_too_large_for_its_column_is_named_not_made_infinite(tmp_path):
    text = refusal(tables.read_table, table(tmp_path, rated(1, "1e300")), **RATED)
    assert "line 3, column 'rating'" in text and "1e+300" in text


def test_a_time_that_is_text_is_named(tmp_path):
    text = refusal(tables.read_table, table(tmp_path, timed(1, "yesterday")), **TIMED)
    assert "line 3, column 'time'" in text and "ISO date" in text and "'yesterday'" in text
    assert "'2024-13-01'" in refusal(
        tables.read_table, table(tmp_path, timed("2024-05-01", "2024-13-01")), **TIMED
    )


def test_numbers_and_dates_do_not_mix_in_one_column_of_times(tmp_path, monkeypatch):
    path = table(tmp_path, timed("nan", 5, "", "2024-05-01"))
    expected = "line 5, column 'time': expected a number, as in line 3. Received: '2024-05-01'"
    assert expected in refusal(tables.read_table, path, **TIMED)
    monkeypatch.setattr(tables, "BLOCK_ROWS", 1)  # nor when they lie in two blocks
    assert expected in refusal(tables.read_table, path, **TIMED)


def test_one_user_or_one_item_is_too_few(tmp_path):
    text = refusal(tables.read_table, table(tmp_path, "user_id,item_id\na,x\na,y\n"))
    assert "at least two users" in text and "'a'" in text
    text = refusal(tables.read_table, table(tmp_path, "user_id,item_id\na,x\nb,x\n"))
    assert "at least two items" in text and "'x'" in text


def test_settings_that_make_no_sense_are_refused(tmp_path):
    path = table(tmp_path, rated(1, 2))
    with pytest.raises(ValueError, match="`on_missing`.*'drop'"):
        tables.read_table(path, on_missing="drop")
    with pytest.raises(ValueError, match="`rating_range`"):
        tables.read_table(path, rating_range=(5, 1), **RATED)


# Marks and plausibility


def test_ids_that_read_like_a_missing_value_can_be_kept(tmp_path):
    text = "user_id,item_id,time\nnull,NaN,1\nb,x,NA\nnull,x,3\n,x,4\n"
    loaded = tables.read_table(table(tmp_path, text + "c,x,5\n"), keep_missing=True, **TIMED)
    assert loaded.interactions.users.ids.tolist() == ["null", "c"]
    assert loaded.report.left_out["missing time"].number == 1
    assert loaded.interactions.items.ids.tolist() == ["NaN", "x"]


def test_the_marks_that_were_taken_for_missing_are_named(tmp_path):
    text = "user_id,item_id\nnull,x\nNaN,x\nnull,y\na,x\nb,y\n"
    report = tables.read_table(table(tmp_path, text)).report
    assert any("missing user id: 'null' 2, 'NaN' 1" in note for note in report.notes)
    data = tables.read_table(table(tmp_path, text), missing=["a"]).interactions
    assert data.users.ids.tolist() == ["null", "NaN", "b"]


def test_a_rating_can_mean_that_there_is_none(tmp_path):
    path = table(tmp_path, rated(0, 0, 0, 5, 6, 7))
    loaded = tables.read_table(path, **RATED)
    (note,) = loaded.report.notes
    assert "50% of the ratings are 0 and the others lie in 5..7" in note
    loaded = tables.read_table(path, unrated=0, **RATED)
    assert np.isnan(loaded.interactions.rating).sum() == 3 and not loaded.report.notes


def test_the_implicit_million_has_the_counted_size(data_root):
    loaded = tables.read_table(
        data_root / "ml-1m" / "interactions.csv.gz", user_column="user_id", item_column="col"
    )
    data = loaded.interactions
    assert (data.num_users, data.num_items, len(data)) == (6040, 3706, 1_000_209)
    assert loaded.report.duplicate_pairs == 0 and not loaded.report.left_out


@pytest.mark.parametrize("end", ["", "\n"])  # the second is read with care
def test_a_mark_that_is_a_number_means_missing_in_every_column(tmp_path, end):
    text = "user_id,item_id,rating,time\nu,i,-9,5\nv,j,2,-9.0\n-9,j,2,6\nv,k,3,7\n"
    settings = {"rating_column": "rating", "time_column": "time", "missing": ["-9"]}
    loaded = tables.read_table(table(tmp_path, text + end), **settings)
    assert loaded.interactions.users.ids.tolist() == ["u", "v"]
    np.testing.assert_array_equal(loaded.interactions.rating, [np.nan, 3])
    assert loaded.interactions.timestamp.tolist() == [5, 7]
