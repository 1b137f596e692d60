import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from advrec_tf.data.readers.loading import load


def test_a_file_goes_to_the_table_reader_with_its_columns(tmp_path):
    path = tmp_path / "rows.tsv"
    path.write_text("who\titem_id\na\tx\nb\ty\n")
    loaded = load(path, user_column="who")
    assert loaded.interactions.users.ids.tolist() == ["a", "b"]
    assert load(str(path), user_column="who").report == loaded.report


def test_a_folder_goes_to_the_movielens_reader(data_root):
    loaded = load(data_root / "ml-100k")
    assert loaded.interactions.num_users == 943
    assert loaded.report.source.endswith("ml-100k")


def test_a_folder_takes_no_columns(tmp_path):
    with pytest.raises(ValueError, match="`columns`.*user_column"):
        load(tmp_path, user_column="who")


def test_the_synthetic_world_comes_by_its_name():
    loaded = load("synthetic", num_users=30, num_items=20, seed=1)
    assert loaded.interactions.num_users == 30
    assert loaded.report.rows_read == loaded.report.rows_kept == len(loaded.interactions)


def test_a_source_that_is_nothing_is_told_what_there_is(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="'synthetic', a MovieLens folder.*Parquet.*nothing"
    ):
        load(tmp_path / "nothing")


def test_frames_and_arrow_tables_are_sources_too(tmp_path):
    frame = pd.DataFrame({"user_id": [3, 1, 3], "item_id": ["x", "y", "y"]})
    table = pa.Table.from_pandas(frame)
    path = tmp_path / "rows.parquet"
    parquet.write_table(table, path)
    prints = {load(source).interactions.fingerprint() for source in (frame, table, path, str(path))}
    assert len(prints) == 1
    assert load(path).report.source == str(path)


def test_what_is_loaded_splits_by_the_name_of_the_strategy():
    loaded = load("synthetic", num_users=30, num_items=20, seed=1)
    split = loaded.split("random_ratio", test=0.5, seed=3)
    assert split.name == "random_ratio" and split.settings["test"] == 0.5
    assert split.everything().num_users == 30
    assert loaded.split("last_item").settings["ties"] == "hash"
    with pytest.raises(ValueError, match="`name` should be one of last_item"):
        loaded.split("first_item")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_that_nobody_named_are_said(tmp_path, suffix):
    frame = pd.DataFrame(
        {"user_id": [1, 2], "item_id": ["x", "y"], "timestamp": [5, 6], "stars": [1, 2]}
    )
    path = tmp_path / f"rows{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    for source in (path, frame):
        said = "\n".join(load(source, rating_column="stars").report.notes)
        assert said.startswith(
            "Columns that are not read: timestamp. A column of times, of ratings"
        )
        known = load(source, rating_column="stars", time_column="timestamp").report.notes
        assert not any("not read" in note for note in known)
    wide = frame[["user_id", "item_id"]].assign(**{f"c{i}": 0 for i in range(10)})
    (note,) = load(wide).report.notes
    assert "c0, c1, c2, c3, c4, c5, c6, c7 and 2 more." in note
