import pytest

from experiments.speed import reading


def test_ratios_are_of_the_processor_time_of_the_same_round():
    seconds = {
        reading.OURS: [(4.0, 3.0), (9.0, 2.0), (5.0, 8.0)],
        "pandas.read_csv": [(1.0, 1.0), (2.0, 2.0), (3.0, 4.0)],
    }
    # ratios 3, 1 and 2
    ours, pandas = reading.lines("a.csv", seconds)
    assert ours == ["a.csv", "ar.data.load", "5.00", "3.00", "2.00"]
    assert pandas[1:] == ["pandas.read_csv", "2.00", "2.00", "1.00"]


def test_every_reader_reads_all_interactions(tmp_path):
    events = reading.interactions(300, 20, 10)
    events.to_csv(tmp_path / "events.csv", index=False)
    events.to_parquet(tmp_path / "events.parquet")
    found = reading.readers(tmp_path)
    for file, of_file in found.items():
        seconds = reading.measured(of_file, rounds=1)
        assert set(seconds) == set(of_file) and len(seconds[reading.OURS]) == 1, file
        pairs = len(events[["user_id", "item_id"]].drop_duplicates())
        assert len(of_file[reading.OURS]().interactions) in (300, pairs)


def test_a_count_below_one_is_refused(capsys):
    with pytest.raises(SystemExit):
        reading.parse_args(["--rounds", "0"])
    assert "should be >= 1" in capsys.readouterr().err
