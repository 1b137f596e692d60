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
    checked_groups,
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


def test_bounds_by_verified_users_keep_all_hits_at_width_0(found):
    alone, *wider = found["bounded"]["curve"]
    assert alone["width"] == 0 and alone["kept"] == alone["hits"]
    assert wider[-1]["kept"] < wider[-1]["hits"]


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
    assert f"within bounds by {found['bounded']['verified']} verified users" in text
    without = report | {"data_sets": [found | {"certificates": None, "bounded": None}]}
    assert "Certified" not in page.render(without, Path(tmp_path / "x.md"))


def row_of(defence, group="mid", seeds=1, **values):
    return {
        **{"model": "ease", "defence": defence, "group": group, "targets": 1, "seeds": seeds},
        **{"ndcg": 0.2, "ndcg_undefended": 0.2, "clean_hit_rate": 0.0, "hit_rates": {"a": 0.5}},
        **{"worst": 0.5, "worst_attack": "a", "worst_deviation": None, "seconds": 1.0, **values},
    }


def report_of(command, **rows_of_data):
    about = {"users": 5, "items": 4, "interactions": 9, "fillers": 2, "seconds": 120.0}
    data_sets = [
        {"data": data, **about, "certificates": None, "rows": rows}
        for data, rows in rows_of_data.items()
    ]
    return {
        **{"command": command, "about": {"version": "2"}, "threat": dataclasses.asdict(THREAT)},
        "data_sets": data_sets,
    }


def test_a_page_keeps_the_data_sets_and_rows_that_a_run_lacks():
    before = report_of("old", x=[row_of("none"), row_of("d"), row_of("d", "popular")], y=[])
    del before["about"]  # as reports were written that did not name their version
    before |= {"note": "A remark."}
    before["data_sets"][0] |= {"certificates": {"curve": []}, "bounded": {"curve": [1]}}
    run = report_of("new", x=[row_of("e"), row_of("d", worst=0.25, seeds=2)], z=[row_of("none")])
    joined = page.continued(run, before)
    assert [found["data"] for found in joined["data_sets"]] == ["x", "y", "z"]
    x, y, z = joined["data_sets"]
    names = [
        (row["defence"], row["group"], row.get("made_by", {}).get("command")) for row in x["rows"]
    ]
    assert names == [
        ("none", "mid", "old"),
        ("d", "mid", None),
        ("d", "popular", "old"),
        ("e", "mid", None),
    ]
    assert x["rows"][1]["worst"] == 0.25 and x["certificates"] == {"curve": []}
    assert x["bounded"] == {"curve": [1]}
    assert (joined["command"], joined["note"]) == ("new", "A remark.")
    assert y["made_by"] == {"command": "old", "version": None} and "made_by" not in z
    x["certificates"] = x["bounded"] = None
    text = page.render(joined, Path("x.md"))
    assert "Made by `new`." in text and text.count("Made earlier, by `old`.") == 1
    assert "Rows made earlier, by `old`: ease:none; ease:d of popular targets." in text
    assert "1 target, 1 seed (ease:none, ease:e); 1 target, 2 seeds (ease:d)." in text
    assert text.count("All cells but those of the rows made earlier took 2 minutes.") == 1


def test_rows_of_other_data_of_the_same_name_are_not_kept():
    before, run = report_of("old", x=[row_of("none")]), report_of("new", x=[row_of("d")])
    before["data_sets"][0]["users"] = 6
    assert page.continued(run, before)["data_sets"] == run["data_sets"]
    before["data_sets"][0]["users"] = 5
    again = page.continued(report_of("newest", x=[]), page.continued(run, before))
    makers = {row["defence"]: row["made_by"]["command"] for row in again["data_sets"][0]["rows"]}
    assert makers == {"none": "old", "d": "new"}


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
    assert "tries settings of a campaign" in new.note


def test_the_groups_that_are_asked_for_are_measured_alone():
    threat = THREATS["push-quick/3"]
    setting = dataclasses.replace(make_setting(), targets={"popular": (29,), "mid": (5,)})
    assert checked_groups([], threat) is None
    groups = checked_groups(["popular", "published"], threat)
    assert groups == ("published", "popular")
    cells = cells_of(threat, (("ease", "none"),), setting, groups=groups, targets=1, seeds=1)
    assert {(cell.group, cell.target) for cell in cells} == {("popular", 29)}
    with pytest.raises(ValueError, match="`groups` should be of published, mid, .*Received: 'x'"):
        checked_groups(["x"], threat)


def test_a_row_that_is_none_is_refused():
    assert checked_rows([]) == ROWS and checked_rows(["ease:none"]) == (("ease", "none"),)
    for wrong in ("ease", "ease:x", "x:none"):
        with pytest.raises(ValueError, match="`rows` should be MODEL:DEFENCE"):
            checked_rows([wrong])
    with pytest.raises(SystemExit, match="--threat should be of push-quick, push"):
        main(["--data", "filmTrust", "--run-dir", "nowhere", "--threat", "x"])
