import csv
import dataclasses

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

from advrec_tf.data import filters
from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.readers.files import DataError
from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.pipelines.fraud import job, ranking


def rating_file(path, *, ring=True, seed=0):
    """60 people on 60 items; eight more who give the same ten items the highest rating."""
    rng = np.random.default_rng(seed)
    lines = ["user_id,item_id,rating"]
    for u in range(60):
        for i in rng.choice(50, int(rng.integers(6, 14)), replace=False):
            lines.append(f"p{u},i{i},{rng.integers(2, 5)}")
    for u in range(8 if ring else 0):
        lines += [f"ring{u},i{50 + i},5" for i in range(10)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The script on a file with a ring in it: (rows of the list, what was printed, folder)."""
    from advrec_tf.data.readers.tables import read_table

    folder = tmp_path_factory.mktemp("fraud")
    data = read_table(rating_file(folder / "r.csv"), rating_column="rating").interactions
    said = []
    job.run(data, out=folder / "list.csv", export=folder / "models", day=None, write=said.append)
    with open(folder / "list.csv", newline="") as file:
        return list(csv.DictReader(file)), said, folder


def test_the_list_holds_every_user_once_the_most_suspicious_first(found):
    rows, _, _ = found
    assert len({row["user_id"] for row in rows}) == len(rows) == 68
    suspicion = [float(row["suspicion"]) for row in rows]
    assert suspicion == sorted(suspicion, reverse=True)
    assert [int(row["rank"]) for row in rows] == list(range(1, 69))


def test_a_ring_leads_the_list_and_is_flagged_with_its_reason(found):
    rows, _, _ = found
    assert all(row["user_id"].startswith("ring") for row in rows[:8])
    for row in rows[:8]:
        assert row["flagged"] == "1" and "times as dense as chance makes" in row["reasons"]
    assert all(row["reasons"] for row in rows)  # a list is read from its head, flagged or not


def test_what_was_exported_was_served_once(found):
    _, said, folder = found
    assert any("agree through the C API" in line for line in said)
    assert (folder / "models" / "1" / "saved_model.pb").exists()


def test_a_reason_states_the_value_the_usual_one_and_how_many_users_it_passes(attacked_verdicts):
    verdicts, data, user = attacked_verdicts
    text = "; ".join(ranking.reasons(verdicts, data, user))
    assert "(usual " in text and "% of users)" in text


@pytest.fixture(scope="module")
def attacked_verdicts():
    from advrec_tf.attacks.heuristic import RandomAttack
    from advrec_tf.attacks.injection import inject
    from advrec_tf.data.readers.frames import from_frame

    rng = np.random.default_rng(0)
    chance = 1.0 / np.arange(1, 101)
    frame = pd.DataFrame(
        [
            (u, int(i), int(rng.integers(2, 6)))
            for u in range(100)
            for i in rng.choice(100, int(rng.integers(8, 20)), False, p=chance / chance.sum())
        ],
        columns=["user_id", "item_id", "rating"],
    )
    data = from_frame(frame, rating_column="rating").interactions
    attack = RandomAttack(num_profiles=6, num_fillers=15)
    targets = np.array([90])
    data = inject(
        data, attack.profiles(data, targets, rng=rng), targets=targets, attack="r", rng=rng
    ).interactions
    verdicts = ranking.detect(data, day=None)
    return verdicts, data, int(np.argmax(verdicts.suspicion))


def test_injected_profiles_lead_the_list(attacked_verdicts):
    verdicts, _, _ = attacked_verdicts
    assert area_under_curve(np.arange(106) >= 100, verdicts.suspicion) > 0.95


def test_labeled_users_are_scored_without_their_label(tmp_path):
    from advrec_tf.data.readers.tables import read_table

    data = read_table(rating_file(tmp_path / "r.csv"), rating_column="rating").interactions
    truth = np.array([str(u).startswith("ring") for u in data.users.ids], float)
    honest = ranking.detect(data, labels=truth, day=None)
    # One ring member called honest: had its own label been read, it would score like one.
    mislabeled = truth.copy()
    member = int(np.flatnonzero(truth)[0])
    mislabeled[member] = 0.0
    found = ranking.detect(data, labels=mislabeled, day=None)
    assert honest.suspicion[truth == 1].min() > honest.suspicion[truth == 0].max()
    assert found.suspicion[member] > found.suspicion[truth == 0].max()
    # Users without a label are scored too.
    some = np.where(np.arange(len(truth)) % 3 == 0, np.nan, truth)
    assert np.isfinite(ranking.detect(data, labels=some, day=None).suspicion).all()


def test_labels_of_a_file_are_read_and_missing_ones_are_unknown(tmp_path):
    from advrec_tf.data.interactions import Vocabulary
    from advrec_tf.data.readers.labeled_fraud import read_labels

    path = tmp_path / "labels.txt"
    path.write_text("user label\na 1\nb\t0\nelse,1\n")
    found, spare = read_labels(path, Vocabulary(["a", "b", "c"]), complete=False)
    assert found[:2].tolist() == [1.0, 0.0] and np.isnan(found[2]) and spare == 1
    with pytest.raises(DataError, match="1 have none, among them 'c'"):
        read_labels(path, Vocabulary(["a", "b", "c"]))
    path.write_text("a 1\na 0\n")
    with pytest.raises(DataError, match="a second one of 'a'"):
        read_labels(path, Vocabulary(["a"]))
    path.write_text("a 2\n")
    with pytest.raises(DataError, match="line 1: expected the label 0 or 1 of user 'a'"):
        read_labels(path, Vocabulary(["a"]))


def test_two_labeled_fakes_are_held_out_one_at_a_time_and_one_is_too_few(tmp_path):
    data = small_world()
    labels = np.full(data.num_users, np.nan)
    labels[:2], labels[2:14] = 1.0, 0.0
    verdicts = ranking.detect(data, labels=labels, seed=0)
    assert np.isfinite(verdicts.suspicion[:14]).all() and verdicts.labeled == 14
    for few in ([1], range(2, 14)):
        fewer = labels.copy()
        fewer[few] = np.nan
        with pytest.raises(ValueError, match="at least 2 fakes and 10 honest users who have rows"):
            ranking.detect(data, labels=fewer, seed=0)


def small_world():
    from advrec_tf.data.interactions import Interactions, Vocabulary

    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((40, 30)) < 0.3)
    return Interactions(
        user_index=users.astype(np.int32),
        item_index=items.astype(np.int32),
        users=Vocabulary(np.arange(40)),
        items=Vocabulary(np.arange(30)),
        rating=rng.integers(1, 6, len(users)).astype(np.float32),
    )


def said_about(lines, tmp_path, write_list=True, **columns):
    from advrec_tf.data.readers.tables import read_table

    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    said = []
    data = read_table(path, **columns).interactions
    job.run(data, out=tmp_path / "list.csv", day=None, overwrite=True, write=said.append)
    return "\n".join(said), (tmp_path / "list.csv").read_text() if write_list else ""


def test_rows_written_twice_change_nothing_and_are_counted(tmp_path):
    lines = rating_file(tmp_path / "once.csv").read_text().splitlines()
    _, once = said_about(lines, tmp_path, rating_column="rating")
    said, twice = said_about(
        [lines[0], *np.repeat(lines[1:40], 2), *lines[40:]], tmp_path, rating_column="rating"
    )
    assert "39 rows of the same user and item left out" in said
    assert once == twice


def test_a_sign_that_is_weighed_down_is_said(attacked_verdicts, monkeypatch, tmp_path):
    verdicts, _, _ = attacked_verdicts
    weaker = dataclasses.replace(verdicts, weighed={"like_simulated_attacks": 0.4})
    monkeypatch.setattr(job, "detect", lambda *_, **__: weaker)
    monkeypatch.setattr(job, "write_ranking", lambda *_, **__: 1)
    lines = ["user_id,item_id", *(f"u{n},i{n % 5}" for n in range(len(verdicts.suspicion)))]
    said, _ = said_about([*lines], tmp_path, write_list=False)
    assert "that sign counts 0.40 of itself" in said


def test_a_click_that_happened_twice_stays_and_one_written_twice_goes():
    data = Interactions(
        user_index=np.zeros(3, np.int32),
        item_index=np.zeros(3, np.int32),
        users=Vocabulary(["u"]),
        items=Vocabulary(["i"]),
        timestamp=np.array([1.0, 2.0, 2.0]),
    )
    kept, removed = filters.without_same_moments(data)
    assert kept.timestamp.tolist() == [1.0, 2.0] and removed == 1


def test_passed_users_are_counted_on_the_side_that_is_unusual(attacked_verdicts):
    verdicts, data, user = attacked_verdicts
    values = verdicts.table.values[verdicts.table.measured]
    text = ranking.reasons(verdicts, data, user)[0]
    name = next(name for name, words in ranking.WORDS.items() if text.startswith(words))
    place = verdicts.table.names.index(name)
    value = verdicts.table.values[user, place]
    fraction = (
        (values[:, place] < value).mean()
        if "more than" in text
        else (values[:, place] > value).mean()
    )
    assert f"than {min(fraction, 0.99):.0%} of users" in text


def copies(num_users, *, rated=True, seed=0):
    """People of two tastes, and one more who has fourteen of user 3's items and one besides."""
    rng = np.random.default_rng(seed)
    chance = 1.0 / np.arange(1, 101)
    rows = []
    for u in range(num_users):
        taste = chance * np.where((np.arange(100) + u) % 2 == 0, 1.0, 0.1)
        own = rng.choice(100, 18, False, p=taste / taste.sum())
        rows += [(f"u{u}", int(i), int(rng.integers(2, 6))) for i in own]
    theirs = [(item, rating) for user, item, rating in rows if user == "u3"][:14]
    rows += [("copier", item, rating) for item, rating in theirs] + [("copier", 99, 5)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    from advrec_tf.data.readers.frames import from_frame

    return from_frame(frame, rating_column="rating" if rated else None).interactions


@pytest.mark.parametrize("rated", [True, False])
def test_a_copy_is_flagged_with_whom_it_is_of(rated):
    data = copies(100, rated=rated)
    verdicts = ranking.detect(data, day=None)
    user = int(np.flatnonzero(data.users.ids == "copier")[0])
    assert verdicts.flagged[user] and verdicts.signs["overlap"][user] >= 0.5
    text = ranking.reasons(verdicts, data, user)[0]
    assert "of its 15 items are also those of u3;" in text and "popularity explains" in text


def test_where_users_are_too_few_to_compare_that_sign_is_left_out():
    verdicts = ranking.detect(copies(30), day=None)
    assert "overlap" not in verdicts.signs and verdicts.overlap is None


def test_a_common_target_is_named(attacked_verdicts):
    verdicts, data, _ = attacked_verdicts
    overlap = verdicts.overlap
    overlap.signals[105] = [0.0, 0.0, 1.0, 9.0]  # the words are asked for, not the measurement
    verdicts.signs["overlap"][105] = 1.0
    place = int(np.searchsorted(overlap.overlaps.users, 105))
    item = data.items.ids[overlap.common_target.item[place]]
    text = ranking._overlap_in_words(overlap, data, 105)
    assert text.startswith("its 16 items go together no better than if drawn by popularity")
    assert f"who rated item {item} alike" in text


def test_a_file_of_users_with_one_item_each_is_too_small_to_tell():
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(50)], "item_id": ["i", "j"] * 25})
    from advrec_tf.data.readers.frames import from_frame

    with pytest.raises(ValueError, match="at least 10 users with two items.*Received 0 of 50"):
        ranking.detect(from_frame(frame).interactions, day=None)


def test_overlaps_that_are_the_file_s_habit_are_weighed_down(monkeypatch):
    data = copies(100)
    count = np.arange(data.num_users)
    # One user of five overlaps as hardly anybody does elsewhere.
    monkeypatch.setattr(
        ranking.OverlapDetector, "score", lambda *_: np.where(count % 5 == 0, ranking.OVERLAP, 0.0)
    )
    verdicts = ranking.detect(data, day=None)
    fraction = (count % 5 == 0).mean()
    assert verdicts.weighed["overlap"] == pytest.approx(ranking.MOST / fraction)
    ordinary = (count % 5 == 0) & (verdicts.signs["like_simulated_attacks"] < 0.2)
    assert ordinary.any() and not verdicts.flagged[ordinary].any()
