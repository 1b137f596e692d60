import csv
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from advrec_tf.data.readers.tables import read_table
from advrec_tf.pipelines.fraud import job, ranking
from tests.worlds import interactions_of_ids


@pytest.fixture(scope="module")
def found(tmp_path_factory, ring_file):
    """The script on a file with a ring in it: (rows of the list, what was printed, folder)."""
    folder = tmp_path_factory.mktemp("fraud")
    data = read_table(ring_file, rating_column="rating").interactions
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


def said_about(data, tmp_path):
    said = []
    job.run(data, out=tmp_path / "list.csv", day=None, top=0, write=said.append)
    return "\n".join(said)


def test_pairs_written_twice_change_nothing_and_are_counted(
    ring_file, attacked_verdicts, monkeypatch, tmp_path
):
    once = read_table(ring_file, rating_column="rating").interactions
    head, *lines = ring_file.read_text().splitlines()
    path = tmp_path / "twice.csv"
    path.write_text("\n".join([head, *np.repeat(lines[:39], 2), *lines[39:]]) + "\n")
    seen = []
    monkeypatch.setattr(job, "detect", lambda data, **_: seen.append(data) or attacked_verdicts[0])
    monkeypatch.setattr(job, "write_ranking", lambda *_, **__: 1)
    said = said_about(read_table(path, rating_column="rating").interactions, tmp_path)
    assert "39 rows of the same user and item left out" in said
    assert seen[0].fingerprint() == once.fingerprint()


def test_a_sign_that_is_weighed_down_is_said(attacked_verdicts, monkeypatch, tmp_path):
    verdicts, data, _ = attacked_verdicts
    weaker = dataclasses.replace(verdicts, weighed={"like_simulated_attacks": 0.4})
    monkeypatch.setattr(job, "detect", lambda *_, **__: weaker)
    monkeypatch.setattr(job, "write_ranking", lambda *_, **__: 1)
    said = said_about(data, tmp_path)
    assert "that sign counts 0.40 of itself" in said


@pytest.mark.parametrize("factor", [1, 1000])
def test_times_that_mix_units_are_said(attacked_verdicts, monkeypatch, tmp_path, factor):
    verdicts, data, _ = attacked_verdicts
    times = 1.4e9 + np.arange(len(data))
    times[::10] *= factor
    monkeypatch.setattr(ranking, "_without_labels", lambda *_, **__: verdicts)
    monkeypatch.setattr(job, "write_ranking", lambda *_, **__: 1)
    said = said_about(dataclasses.replace(data, timestamp=times), tmp_path)
    assert ("the times look like more than one unit" in said) == (factor == 1000)


def test_a_ranking_holds_the_suspicion_the_signs_and_the_reasons_of_users_with_interactions(
    monkeypatch, tmp_path
):
    data = interactions_of_ids([("a", "x"), ("b", "x"), ("b", "y")])
    verdicts = SimpleNamespace(
        suspicion=np.array([0.25, 0.75]),
        flagged=np.array([False, True]),
        signs={"ring": np.array([0.25, 0.75])},
    )
    monkeypatch.setattr(job, "reasons", lambda _, __, user: [f"one of {user}", "another"])
    assert job.write_ranking(verdicts, data, tmp_path / "list.csv") == 2
    assert (tmp_path / "list.csv").read_text().splitlines() == [
        "rank,user_id,suspicion,flagged,rows,ring,reasons",
        "1,b,0.7500,1,2,0.7500,one of 1; another",
        "2,a,0.2500,0,1,0.2500,one of 0; another",
    ]
