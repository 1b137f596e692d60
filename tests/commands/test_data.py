"""`advrec data` as a user types it; downloads are tested in tests/data/test_fetching.py."""

import builtins
import json
import sys
from pathlib import Path

import pytest

from advrec_tf.commands.application import main
from advrec_tf.data import fetching
from advrec_tf.data.public_sets import PUBLIC_SETS

EVENTS = """\
user,product,stars,when
u1,a,5,1000000000
u1,b,3,1000086400
u2,a,4,1000000000
u2,c,4,1000000000
u2,c,1,1100000000
,c,1,1100000000
"""
COLUMNS = ["--user-column", "user", "--item-column", "product"]
ALL = [*COLUMNS, "--rating-column", "stars", "--time-column", "when"]


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("events.csv").write_text(EVENTS)
    return "events.csv"


@pytest.fixture
def fetched(monkeypatch):
    """The calls of `fetch` in the place of downloads."""
    calls = []
    monkeypatch.setattr(fetching, "fetch", lambda wanted, folder, log: calls.append(folder))
    return calls


def fails(words, capfd):
    with pytest.raises(SystemExit):
        main(words)
    return capfd.readouterr()


def test_the_list_has_every_set_with_licence_size_and_use(capfd):
    main(["data", "list"])
    out = capfd.readouterr().out
    assert out.startswith("synthetic: built in")
    for one in PUBLIC_SETS.values():
        assert f"{one.name}: about {one.megabytes:g} MB. {one.users:,} users" in out
        assert one.licence in out and one.good_for in out


def test_info_says_columns_counts_times_ties_and_doubts(events, capfd):
    main(["data", "info", events, *ALL])
    lines = [" ".join(line.split()) for line in capfd.readouterr().out.splitlines()]
    assert "stars number 4 0 5" in lines
    assert "user category 2 1 u1" in lines
    assert "events.csv: 5 of 6 rows kept, 2 users, 3 items" in lines
    assert "noticed: repeated user-item pair: 1 (first in line 6)" in lines
    assert "density 83.333%" in lines  # 5 rows of 2 x 3 cells
    assert "interactions of a user: 2 to 3, median 2.5" in lines
    assert "ratings: 5 of 5 rows; 1 to 5, mean 3.40" in lines
    assert "times: 2001-09-09 to 2004-11-09, read as seconds since 1970" in lines
    assert any("33.3% of neighboring interactions" in line for line in lines)


@pytest.mark.parametrize("command", ["info", "convert"])
def test_notes_of_the_reader_name_options(command, events, capfd):
    rows = ["u1,a,5", "u1,null,5", "u1,b,5", "u2,a,5", "u2,b,5"]  # equal times throughout
    Path("ties.csv").write_text("user,product,when\n" + "\n".join(rows) + "\n")
    out = ["--out", "ties.parquet"] if command == "convert" else []
    main(["data", command, "ties.csv", *COLUMNS, "--time-column", "when", *out])
    said = capfd.readouterr().out
    assert "say so by `--keep-missing` or `--missing`." in said
    assert command == "convert" or "of the file (advrec train --ties file) can give" in said
    assert "keep_missing" not in said and "ties=" not in said


def test_info_shows_the_columns_where_it_has_to_be_told_which_is_which(events, capfd):
    main(["data", "info", events])
    said = capfd.readouterr().out
    assert "product" in said and "is said by --user-column" in said
    said = fails(["data", "info", events, "--user-column", "nobody"], capfd)
    assert "expected a column 'nobody'" in said.err and "--user-column" in said.err


def test_a_converted_file_holds_the_same_and_no_input_is_replaced(events, capfd):
    from advrec_tf.data import load

    main(["data", "convert", events, *ALL, "--out", "events.parquet"])
    assert "--data events.parquet --rating-column rating --time-column timestamp" in (
        capfd.readouterr().out
    )
    how = {"user_column": "user", "item_column": "product", "time_column": "when"}
    one = load(events, rating_column="stars", **how).interactions
    other = load("events.parquet", rating_column="rating", time_column="timestamp").interactions
    assert one.fingerprint() == other.fingerprint()
    convert = ["data", "convert", "events.parquet", "--out"]
    assert "input" in fails([*convert, "events.parquet", "--overwrite"], capfd).err
    again = ["data", "convert", events, "--out", "events.parquet"]
    assert "`--out` should be a new file" in fails(again, capfd).err
    assert "ends in .parquet" in fails([*convert, "events.csv"], capfd).err


def test_any_other_out_is_a_folder_of_shards_with_the_rows_as_they_are(events, capfd):
    from advrec_tf.data import stream

    convert = ["data", "convert", events, "--out", "shards"]
    main([*convert, *ALL, "--rows-of-a-shard", "4", "--shard-format", "tfrecord"])
    said = capfd.readouterr()
    assert "6 rows in 2 shards" in said.out and "part-00000.tfrecord: 4 rows" in said.out
    opened = stream("shards")
    assert len(opened) == 6
    assert set(opened.kinds) == {"user_id", "item_id", "rating", "timestamp"}
    assert "The folder should be new" in fails(convert, capfd).err
    elsewhere = [*convert[:-1], "other"]
    assert "`--missing` should be given for --out FILE.parquet" in (
        fails([*elsewhere, "--missing", "none"], capfd).err
    )
    assert "`--overwrite`" in fails([*elsewhere, "--overwrite"], capfd).err


def test_shards_keep_the_rows_of_a_user_together_where_that_is_asked_for(events, capfd):
    from advrec_tf.data import stream

    # u1 and u2 of 2 rows and u3 of 1: a shard of one row or more ends where the next begins
    Path(events).write_text("user,product\nu1,a\nu1,b\nu2,a\nu2,c\nu3,c\n")
    convert = ["data", "convert", events, *COLUMNS, "--together", "user", "--out"]
    main([*convert, "shards", "--rows-of-a-shard", "1"])
    assert "5 rows in 3 shards" in capfd.readouterr().out
    assert [int(shard.rows.sum()) for shard in stream("shards").shards] == [2, 2, 1]
    assert "`--together` should be given where --out is a folder" in (
        fails([*convert, "one.parquet"], capfd).err
    )


def test_a_set_is_fetched_once_its_licence_was_shown_and_accepted(events, fetched, capfd):
    said = fails(["data", "fetch", "ml-1m"], capfd)  # no terminal to ask in
    assert PUBLIC_SETS["ml-1m"].licence in said.out
    assert said.err == (
        "Error: The licence should be accepted: give --accept-licence once you have.\n"
    )
    assert fetched == []
    main(["data", "fetch", "ml-20m", "--accept-licence"])
    assert fetched == [Path("data/ml-20m")]
    out = capfd.readouterr().out
    assert "read it with --data data/ml-20m/ratings.csv --user-column userId" in out
    Path("there").mkdir()
    assert "new folder" in fails(["data", "fetch", "ml-1m", "--out", "there"], capfd).err
    assert "should be one of ml-100k" in fails(["data", "fetch", "ml-3m"], capfd).err


@pytest.mark.parametrize(("answer", "number"), [("yes", 1), ("", 0)])
def test_in_a_terminal_the_licence_is_asked_for(answer, number, events, fetched, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", lambda question: answer)
    if number:
        main(["data", "fetch", "ml-1m"])
    else:
        with pytest.raises(SystemExit):
            main(["data", "fetch", "ml-1m"])
    assert len(fetched) == number


def test_the_options_that_fetch_prints_read_the_files(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    def unpack(wanted, folder, log):
        folder.mkdir(parents=True)
        rows = "".join(
            f"{user},{item},4,{1200000000 + item}\n" for user in (1, 2) for item in (7, 8)
        )
        (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + rows)
        (folder / fetching.RECORD).write_text(json.dumps({}))

    monkeypatch.setattr(fetching, "fetch", unpack)
    main(["data", "fetch", "ml-25m", "--accept-licence"])
    words = capfd.readouterr().out.split("read it with ")[1].split()
    main(["data", "info", words[1], *words[2 : words.index("--item-table")]])
    assert "4 of 4 rows kept, 2 users, 2 items" in capfd.readouterr().out
