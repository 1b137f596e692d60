import dataclasses
import json
from pathlib import Path

import pytest

from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.stages import StageStore
from experiments.robustness_leaderboard import page, study
from experiments.robustness_leaderboard.__main__ import main, page_name
from experiments.robustness_leaderboard.threats import (
    ROWS,
    THREATS,
    ThreatModel,
    cells_of,
    checked_rows,
)
from tests.pipelines.attack.conftest import make_setting

THREAT = ThreatModel(
    name="test", version=1, accounts=5, groups=("tail", "own"), attacks=("average",), adaptive=False
)
NAMES = ["ease:none", "ease:rank-by-evidence", "mf_bpr:least-trimmed-squares"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def found(folder):
    runner = CellRunner(make_setting(), StageStore(folder, {}))
    return study.run(
        runner, THREAT, checked_rows(NAMES), targets=1, seeds=2, models=20, log=lambda line: None
    )


def test_a_row_holds_the_worst_attack_and_what_the_defence_costs(found):
    undefended, defended = found["rows"]  # a defence that does not fit the model has no row
    assert [row["defence"] for row in (undefended, defended)] == ["none", "rank-by-evidence"]
    assert undefended["ndcg"] == undefended["ndcg_undefended"] == defended["ndcg_undefended"]
    assert undefended["worst"] == undefended["hit_rates"]["average"]
    assert undefended["worst_attack"] == "average" and undefended["group"] == "tail"
    assert (undefended["targets"], undefended["seeds"]) == (1, 2)
    assert undefended["seconds"] > 0


def test_the_worst_of_several_attacks_is_the_one_with_most_hits():
    shared = {"victim": "ease", "defence": "none", "group": "tail", "targets": 1, "seeds": 1}
    shared |= {"ndcg@10": 0.2, "ndcg@10, clean": 0.25, "target_hit_rate@10, clean": 0.1}
    records = [
        shared | {"attack": name, "target_hit_rate@10": rate, "training_seconds": seconds}
        for name, rate, seconds in (("none", 0.9, 0.0), ("a", 0.3, 2.0), ("b", 0.4, 1.0))
    ]
    (row,) = study.table_rows(records)
    assert (row["worst"], row["worst_attack"], row["seconds"]) == (0.4, "b", 2.0)
    assert row["hit_rates"] == {"a": 0.3, "b": 0.4} and row["ndcg"] == 0.2
    assert study.table_rows(records[1:]) == []  # nothing to compare with


def test_certificates_shrink_with_the_number_of_fakes(found):
    curve = found["certificates"]["curve"]
    assert [one["num_fakes"] for one in curve] == [1, 10]
    assert curve[0]["clean"] > curve[1]["clean"] and curve[0]["kept"] >= curve[1]["kept"]
    assert found["certificates"]["settings"]["num_models"] == 20


def test_what_is_measured_is_not_measured_again(folder, found, monkeypatch):
    runner = CellRunner(make_setting(), StageStore(folder, {}, resume=True))
    monkeypatch.setattr(runner, "measure", lambda cell: pytest.fail("measured twice"))
    again = study.run(
        runner, THREAT, checked_rows(NAMES), targets=1, seeds=2, models=20, log=lambda line: None
    )
    assert again["rows"] == found["rows"]


def test_the_page_shows_rows_and_certificates_of_the_report(found, tmp_path):
    report = {"command": "me", "threat": dataclasses.asdict(THREAT), "data_sets": [found]}
    text = page.render(json.loads(json.dumps(report)), Path(tmp_path / "x.md"))
    row = next(line for line in text.split("\n") if line.startswith("| ease | rank-by-evidence"))
    assert f"{found['rows'][1]['ndcg']:.4f}" in row and row.count("|") == 10
    assert "Threat model test/1: 5 accounts" in text and "No attacker here knows" in text
    assert "20 models of EASE on 10 random users" in text
    without = report | {"data_sets": [found | {"certificates": None}]}
    assert "Certified" not in page.render(without, Path(tmp_path / "x.md"))


def test_every_threat_model_has_cells_for_every_standard_row():
    setting = dataclasses.replace(make_setting(), targets={"popular": (29,), "mid": (5, 6)})
    for threat in THREATS.values():
        cells = cells_of(threat, ROWS, setting, targets=1, seeds=1)
        assert {(cell.victim, cell.defence) for cell in cells} == set(ROWS)
        assert (
            len(cells)
            == len(set(cells))
            == len(ROWS) * 2 * (1 + len(threat.attacks) + threat.adaptive)
        )
    with pytest.raises(ValueError, match="`attacks` should be of"):
        cells_of(dataclasses.replace(THREAT, attacks=("x",)), ROWS, setting, targets=1, seeds=1)


def test_a_new_version_of_a_threat_model_leaves_the_old_one():
    old, new = THREATS["push-quick"], THREATS["push-quick/2"]
    assert (old.version, new.version) == (1, 2) and old.name == new.name
    assert new.attacks == (*old.attacks, "copy-of-community")
    assert page_name(old) == "robustness-leaderboard"
    assert page_name(new) == "robustness-leaderboard-push-quick-2"
    report = {"command": "me", "threat": dataclasses.asdict(new), "data_sets": []}
    assert "copy-of-community is made to pass" in page.render(report, Path("x.md"))


def test_the_third_version_adds_the_attacker_that_searches():
    old, new = THREATS["push-quick/2"], THREATS["push-quick/3"]
    assert new.attacks == (*old.attacks, "best-response") and new.accounts == old.accounts
    setting = dataclasses.replace(make_setting(), targets={"mid": (5,)})
    cells = cells_of(new, (("ease", "none"),), setting, targets=1, seeds=1)
    assert [cell.attack for cell in cells] == ["none", *new.attacks]
    assert "turns the knobs of a campaign" in new.note


def test_a_row_that_is_none_is_refused():
    assert checked_rows([]) == ROWS and checked_rows(["ease:none"]) == (("ease", "none"),)
    for wrong in ("ease", "ease:x", "x:none"):
        with pytest.raises(ValueError, match="`rows` should be MODEL:DEFENCE"):
            checked_rows([wrong])
    with pytest.raises(SystemExit, match="--threat should be of push-quick, push"):
        main(["--data", "filmTrust", "--run-dir", "nowhere", "--threat", "x"])
