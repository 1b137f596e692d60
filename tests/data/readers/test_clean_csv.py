import numpy as np
import pytest

from advrec_tf.data.readers import clean_csv, tables

TEXT = "user_id,item_id,rating,time,title\n"
SETTINGS = {"rating_column": "rating", "time_column": "time", "item_text_column": "title"}


def both_ways(tmp_path, monkeypatch, content, **settings):
    """(loaded by whichever way fits, loaded by the careful reader, whether Arrow was used)."""
    path = tmp_path / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    fast = clean_csv.read_columns
    used = []

    def watched(*args, **kwargs):
        used.append(fast(*args, **kwargs))
        return used[-1]

    monkeypatch.setattr(clean_csv, "read_columns", watched)
    first = tables.read_table(path, **settings)
    monkeypatch.setattr(clean_csv, "read_columns", lambda *args, **kwargs: None)
    second = tables.read_table(path, **settings)
    monkeypatch.setattr(clean_csv, "read_columns", fast)
    return first, second, bool(used) and used[0] is not None


def assert_same(first, second):
    assert first.report == second.report
    assert first.interactions.fingerprint() == second.interactions.fingerprint()
    one, other = first.interactions.item_text, second.interactions.item_text
    assert (one is None) == (other is None) and (one is None or one.tolist() == other.tolist())


def rows(seed, number=500):
    rng = np.random.default_rng(seed)
    ids = ["7", "7.0", " a", "a", "é", "e\u0301", "NaN", "null", "", "x y", "0012", "12"]
    for _ in range(number):
        user, item = rng.choice(ids, 2)
        rating = rng.choice(["1", "2.5", "", "NA", "4e0"])
        yield f"{user},{item},{rating},{rng.integers(10**9)},{rng.choice(['', 'T', 'U', 'nan'])}\n"


@pytest.mark.parametrize("seed", range(5))
def test_the_fast_way_gives_what_the_careful_reader_gives(tmp_path, monkeypatch, seed):
    content = TEXT + "".join(rows(seed))
    first, second, used = both_ways(tmp_path, monkeypatch, content, **SETTINGS)
    assert used
    assert_same(first, second)
    windows = both_ways(tmp_path, monkeypatch, content.replace("\n", "\r\n"), **SETTINGS)
    assert windows[2]
    assert_same(windows[0], second)


@pytest.mark.parametrize(
    "odd",
    [
        'a,x,1,5,"T, U"\n',
        "\n",
        "   \n",
        "user_id,item_id,rating,time,title\n",
        "a,x,1,2024-05-01,T\n",
        "a,x,1,5,\rb,y,1,6,\n",
        "b,y, 3 ,5,T\n",
    ],
)
def test_what_is_unusual_gives_the_same_by_the_careful_reader(tmp_path, monkeypatch, odd):
    times = "2024-05-01" if "2024" in odd else "5"
    content = TEXT + f"a,x,1,{times},T\nb,y,2,{times},\n" + odd + f"c,x,1,{times},\n"
    first, second, _ = both_ways(tmp_path, monkeypatch, content, **SETTINGS)
    assert_same(first, second)
    assert len(first.interactions) >= 3


def test_a_file_of_many_chunks_keeps_its_order(tmp_path, monkeypatch):
    monkeypatch.setattr(clean_csv, "CHUNK", 1 << 10)
    content = "user_id,item_id\n" + "".join(f"u{i % 997},i{i * 7919 % 1009}\n" for i in range(5000))
    first, second, used = both_ways(tmp_path, monkeypatch, content)
    assert used
    assert_same(first, second)
