import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from advrec_tf.data.readers import frames, tables
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


def test_a_file_and_a_frame_of_the_same_rows_have_one_fingerprint(tmp_path):
    frame = pd.DataFrame({"user_id": [3, 1, 3], "item_id": ["x", "y", "y"], "rating": [1, 2, 5]})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    by_file = tables.read_table(tmp_path / "rows.csv", **RATED).interactions
    by_frame = frames.from_frame(frame, **RATED).interactions
    assert by_file.fingerprint() == by_frame.fingerprint()
    other = frames.from_frame(frame.assign(rating=[1, 2, 4]), **RATED).interactions
    assert other.fingerprint() != by_frame.fingerprint()


# Frames


def frame(**columns):
    return pd.DataFrame({"user_id": [1, 2], "item_id": ["x", "y"], **columns})


def test_a_frame_column_of_integers_and_text_is_refused_with_the_first_of_each():
    mixed = pd.DataFrame({"user_id": [1, 2, "2", 3], "item_id": ["x", "y", "x", "y"]}, dtype=object)
    text = refusal(frames.from_frame, mixed)
    assert "row 2, column 'user_id'" in text and "an integer, as 1 in row 0" in text
    assert "Received: '2'" in text


def test_whole_floats_are_integer_ids_and_gaps_are_counted():
    loaded = frames.from_frame(frame(user_id=[1.0, 2.0]))
    assert loaded.interactions.users.ids.tolist() == [1, 2]
    gap = pd.DataFrame({"user_id": [1, None, 2], "item_id": ["x", "y", None]})
    text = refusal(frames.from_frame, gap)
    assert "at least two users" in text  # one row is left
    gap = pd.DataFrame({"user_id": [1, None, 2], "item_id": ["x", "y", "y"]})
    loaded = frames.from_frame(gap)
    assert tuple(loaded.report.left_out["missing user id"]) == (1, 1)
    assert loaded.interactions.users.ids.dtype == np.int64
    text = pd.DataFrame({"user_id": ["1", None, "2", " "], "item_id": ["x", "y", "y", "x"]})
    loaded = frames.from_frame(text)
    assert loaded.interactions.users.ids.tolist() == [1, 2] and loaded.report.rows_kept == 2


def test_ids_that_are_neither_integer_nor_text_are_refused():
    for wrong in (1.5, True, datetime.date(2024, 5, 1), [7], b"7"):
        column = pd.Series([1, wrong], dtype=object)
        text = refusal(frames.from_frame, frame(user_id=column))
        assert "row 1, column 'user_id': expected an integer or a str" in text


def test_frame_times_may_be_datetimes_with_gaps():
    times = pd.Series([pd.Timestamp("1970-01-01 00:00:01.5"), pd.Timestamp("1970-01-02")])
    data = frames.from_frame(frame(time=times), **TIMED).interactions
    assert data.timestamp.tolist() == [1.5, 86400]
    zoned = times.dt.tz_localize("Europe/Paris")  # one hour ahead of UTC in January
    data = frames.from_frame(frame(time=zoned), **TIMED).interactions
    assert data.timestamp.tolist() == [1.5 - 3600, 86400 - 3600]


def test_an_infinite_time_is_named_in_a_frame_and_in_a_file(tmp_path):
    text = refusal(frames.from_frame, frame(time=[1, np.inf]), **TIMED)
    assert "row 1, column 'time': expected a finite number" in text
    text = refusal(tables.read_table, table(tmp_path, timed(1, "inf")), **TIMED)
    assert "line 3, column 'time': expected a finite number" in text


def test_frame_ratings_pass_the_same_checks():
    def rows(ratings):
        return frame(rating=ratings)

    assert "row 1" in refusal(frames.from_frame, rows([1, np.inf]), **RATED)
    assert "'good'" in refusal(frames.from_frame, rows([1, "good"]), **RATED)
    text = refusal(frames.from_frame, rows([1, 9]), rating_range=(1, 5), **RATED)
    assert "row 1, column 'rating'" in text
    text = refusal(frames.from_frame, rows([1, None]), on_missing="raise", **RATED)
    assert "row 1" in text and "missing rating" in text


def test_an_empty_frame_and_a_missing_column_are_refused():
    assert "an empty frame" in refusal(frames.from_frame, frame().iloc[:0])
    assert "'time'" in refusal(frames.from_frame, frame(), **TIMED)


def test_a_frame_is_left_as_it_was():
    given = frame(user_id=[1.0, 2.0], rating=["1", "2"])
    before = given.copy(deep=True)
    frames.from_frame(given, **RATED)
    pd.testing.assert_frame_equal(given, before)


# Parquet and Arrow


def parquet_file(tmp_path, columns, name="rows.parquet"):
    path = tmp_path / name
    parquet.write_table(pa.table(columns), path)
    return path


def test_parquet_columns_of_every_kind_pass_the_checks_of_frames(tmp_path):
    columns = {
        "user_id": pa.array([2**62 + 1, None, 7, 7], pa.int64()),  # more digits than a float has
        "item_id": pa.array(["x", "y", " x", "y"]).dictionary_encode(),
        "rating": pa.array([1, 2, None, 4], pa.int8()),
        "time": pa.array([0, 1, 2, 3], pa.timestamp("s")),
        "unread": pa.array([[1], [2], [3], [4]]),
    }
    loaded = frames.read_parquet(parquet_file(tmp_path, columns), **RATED, **TIMED)
    data = loaded.interactions
    assert data.users.ids.tolist() == [2**62 + 1, 7] and data.items.ids.tolist() == ["x", "y"]
    np.testing.assert_array_equal(data.rating, [1, np.nan, 4])
    assert data.timestamp.tolist() == [0, 2, 3]
    assert tuple(loaded.report.left_out["missing user id"]) == (1, 1)


def test_a_parquet_file_that_is_none_or_lacks_a_column_is_refused_by_name(tmp_path):
    path = table(tmp_path, "user_id,item_id\n", "rows.parquet")
    assert "rows.parquet: expected a whole Parquet file" in refusal(frames.read_parquet, path)
    path = parquet_file(tmp_path, {"user_id": [1, 2]})
    assert "expected a column 'item_id'" in refusal(frames.read_parquet, path)
    columns = {"user_id": [[1], [2]], "item_id": ["x", "y"]}
    text = refusal(frames.read_parquet, parquet_file(tmp_path, columns))
    assert "row 0, column 'user_id': expected an integer or a str" in text
    with pytest.raises(FileNotFoundError):
        frames.read_parquet(tmp_path / "nowhere.parquet")


def test_a_mark_that_is_a_number_means_missing_in_a_frame_too():
    frame = pd.DataFrame(
        {"user_id": [1, 2, -9, 2], "item_id": [3, 4, 4, 3], "rating": [-9.0, 2, 2, 3]}
    )
    loaded = frames.from_frame(frame, missing=["-9"], **RATED)
    assert loaded.interactions.users.ids.tolist() == [1, 2]
    np.testing.assert_array_equal(loaded.interactions.rating, [np.nan, 2, 3])
    assert loaded.report.left_out["missing user id"] == (1, 2)
    assert any("'-9' 1" in note for note in loaded.report.notes)
