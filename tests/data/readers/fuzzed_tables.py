"""Generated tables of features and of behavior, and MovieLens folders, each beside its truth."""

import csv
import io

import numpy as np
import pandas as pd

from advrec_tf.data.readers.frames import from_frame
from advrec_tf.data.readers.loading import load
from advrec_tf.tabular import files as tables
from tests.data.readers.fuzzed import IDS, answers_or_refuses, with_damage
from tests.data.readers.notations.columns import column

TEXTS = [text for text in IDS if text not in ("-", "1e3", "0012")]
MARKS = ["", "NA", "null", "-999"]  # the last one is a number


def as_csv(rng, frame: dict[str, list]) -> bytes:
    """The columns as a file with a separator, quotes, line ends and an encoding drawn at random."""
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if rng.random() < 0.3 else csv.QUOTE_MINIMAL
    line_end = str(rng.choice(["\n", "\r\n"]))
    separator = str(rng.choice([",", "\t", ";", "|"]))
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=line_end)
    writer.writerow(frame)
    writer.writerows(zip(*frame.values(), strict=True))
    return out.getvalue().encode(str(rng.choice(["utf-8", "utf-8-sig", "utf-16"])))


def check_features(tmp_path, seed):
    """A table of users as a file and as a frame: a row an id, what is missing and unknown said."""
    rng = np.random.default_rng([seed, 9])
    count, kind = int(rng.integers(3, 12)), str(rng.choice(["integers", "text"]))
    users = list(range(count)) if kind == "integers" else [f"user {i}é" for i in range(count)]
    mark = str(rng.choice(MARKS))
    ages = np.where(rng.random(count) < 0.3, np.nan, rng.integers(1, 99, count))
    ages[0] = 7
    towns = [str(rng.choice(TEXTS)) for _ in users]
    order = rng.permutation(count)[: rng.integers(1, count + 1)]
    rows = {
        "user_id": [*(users[i] for i in order), 10**6 if kind == "integers" else "nobody", ""],
        "age": [*(mark if np.isnan(ages[i]) else f"{ages[i]:.0f}" for i in order), "5", "5"],
        "town": [*(towns[i] for i in order), "elsewhere", "nowhere"],
    }
    path = tmp_path / f"{seed}.csv"
    path.write_bytes(as_csv(rng, rows))
    pairs = pd.DataFrame({"user_id": users, "item_id": [f"i{i % 2}" for i in range(count)]})
    settings = {"missing": ["", "NA", "null", "-999"], "kinds": {"town": "category"}}
    found = from_frame(pairs, users=path, **settings)
    table = found.interactions.user_features
    present = np.isin(np.arange(count), order)
    expected = np.where(present, ages, np.nan)
    if not np.isnan(expected).all():
        np.testing.assert_array_equal(table["age"].astype(float), expected)
    assert [t if isinstance(t, str) else None for t in table["town"]] == [
        town if there else None for town, there in zip(towns, present, strict=True)
    ]
    counts = {what: count.number for what, count in found.report.noticed.items()}
    assert counts["user table: row without an id, left out"] == 1
    assert counts["user table: row of an id without interactions, left out"] == 1
    assert counts.get("user table: id without a row", 0) == count - len(order)
    text = path.read_bytes().decode("utf-8", errors="replace")
    path.write_text(with_damage(rng, text), encoding="utf-8")
    found = answers_or_refuses(lambda: from_frame(pairs, users=path, **settings))
    assert found is None or len(found.interactions.user_features) == count


def check_behavior(tmp_path, seed):
    """A behavior table in any notation: its values, and the same file when it is written back."""
    rng = np.random.default_rng([seed, 10])
    number, count = column(rng, 60), 60
    label = rng.integers(0, 2, count)
    label[:2] = 0, 1
    towns = [str(rng.choice(TEXTS[:5])) for _ in range(count)]
    visits = rng.integers(0, 50, count).astype(float)
    visits[rng.random(count) < 0.1] = np.nan
    visits[0] = 3
    frame = {
        "value": number.texts,
        "town": towns,
        "visits": ["" if np.isnan(v) else f"{v:.0f}" for v in visits],
        "label": label.tolist(),
    }
    path = tmp_path / f"{seed}.csv"
    path.write_bytes(as_csv(rng, frame))
    readings = {"value": number.reading} if number.reading else {}
    read = tables.read_table(path, label="label", readings=readings)
    assert read.frame["town"].tolist() == towns
    np.testing.assert_array_equal(read.frame["visits"].astype(float), visits)
    value = read.frame["value"]
    if number.kind == "date":
        seconds = value.to_numpy("datetime64[us]").astype("int64") / 1e6
        value = pd.Series(np.where(value.isna(), np.nan, seconds))
    np.testing.assert_allclose(value.astype(float), number.values, rtol=0, atol=1e-6)
    tables.write_table(read.frame, read.schema, tmp_path / f"{seed}.out.csv")
    again = tables.read_like(read.schema, tmp_path / f"{seed}.out.csv")
    pd.testing.assert_frame_equal(again, read.frame)
    text = as_csv(rng, frame).decode("utf-8", errors="replace")
    path.write_text(with_damage(rng, text), encoding="utf-8")
    damaged = answers_or_refuses(lambda: tables.read_table(path, label="label", readings=readings))
    assert damaged is None or len(damaged.frame) <= count


def check_movielens(tmp_path, seed):
    """A folder of MovieLens 1M, and one of its files damaged."""
    rng = np.random.default_rng([seed, 11])
    folder = tmp_path / f"{seed}"
    folder.mkdir()
    movies = {i: f"{rng.choice(TEXTS[:4])} ({rng.integers(1900, 2001)})" for i in range(1, 7)}
    ages = {u: int(rng.choice([1, 18, 25, 56])) for u in range(1, 6)}
    rows = [(u, int(i), int(rng.integers(1, 6))) for u in ages for i in rng.permutation(6)[:3] + 1]
    lines = {
        "ratings.dat": [f"{u}::{i}::{r}::{900 + i}" for u, i, r in rows],
        "movies.dat": [f"{i}::{title}::Drama|War" for i, title in movies.items()],
        "users.dat": [f"{u}::F::{age}::3::0012" for u, age in ages.items()],
    }
    for name, own in lines.items():
        (folder / name).write_text("\n".join(own) + "\n", encoding="latin-1")
    found = load(folder).interactions
    users, items = found.users.ids[found.user_index], found.items.ids[found.item_index]
    assert list(zip(users.tolist(), items.tolist(), found.rating.tolist(), strict=True)) == rows
    assert found.item_text.tolist() == [movies[item] for item in found.items.ids.tolist()]
    assert found.user_features["age"].tolist() == [ages[user] for user in found.users.ids.tolist()]
    name = str(rng.choice(list(lines)))
    text = with_damage(rng, (folder / name).read_text(encoding="latin-1"))
    (folder / name).write_text(text, encoding="utf-8")
    damaged = answers_or_refuses(lambda: load(folder))
    if damaged is not None:
        ratings = damaged.interactions.rating
        assert ((ratings >= 1) & (ratings <= 5) | np.isnan(ratings)).all()
        assert damaged.report.noticed.get("missing rating, the row kept", (0,))[0] == (
            np.isnan(ratings).sum()
        )
        years = damaged.interactions.user_features["age"].dropna()
        assert np.isfinite(years).all() and (years >= 0).all()
