import dataclasses
import functools
import json

import pytest

from advrec_tf.pipelines.processes import in_order
from advrec_tf.pipelines.run_lock import sole_run
from experiments.published_tables import study
from experiments.published_tables.choices import Choice, read_choices, write_choices
from experiments.published_tables.limits import Limits
from experiments.published_tables.models import MODELS
from experiments.published_tables.page import markdown_page
from experiments.published_tables.tables import TABLES
from tests.experiments.published_tables.toy import shifted_scores

pytest.importorskip("optuna")


@pytest.mark.slow
def test_a_table_has_the_best_settings_the_ablation_and_the_controls_own_settings(reproduce):
    report = reproduce(budget=3)
    found = report["entries"]
    assert list(found) == ["popularity", "EASE", "shift", "shifted"]
    assert (
        found["shift"]["settings"] == {"size": 2, "b": 7}
        and found["shift"]["choice"]["epochs"] == 4
    )
    assert found["shifted"]["settings"] == {"size": 5, "b": 7}
    assert found["shift"]["seeds"] == 3 and found["EASE"]["seeds"] == 1
    assert list(found["shifted"]["against"]) == ["shift", "EASE"]
    assert found["shifted"]["against"]["shift"]["ndcg@3"]["difference"] < 0
    assert list(found["shift"]["against"]) == ["EASE"] and found["EASE"]["against"] == {}
    expected = found["shift"]["mean"]["ndcg@3"] - found["EASE"]["mean"]["ndcg@3"]
    assert found["shift"]["against"]["EASE"]["ndcg@3"]["difference"] == pytest.approx(expected)


@pytest.mark.slow
def test_a_table_may_say_its_own_sizes_epochs_and_seeds_and_a_control_keeps_to_them(
    tiny_table, reproduce, monkeypatch
):
    seen = []

    def noting(task):
        if task.setting.validation is not None:
            seen.append((dict(task.settings), task.entry.epochs))
        return shifted_scores(task)

    for label in ("shift", "shifted"):
        noted = dataclasses.replace(MODELS[label], train=noting, epochs=9)
        monkeypatch.setitem(MODELS, label, noted)
    limits = Limits(sizes={"shift": {"size": (1,)}}, epochs={"shift": 3}, seeds={"shift": 2})
    tiny_table(limits=limits)
    found = reproduce(budget=3)["entries"]
    assert found["shift"]["seeds"] == 2 and found["shifted"]["seeds"] == 3
    assert seen == [({"size": 1, "b": 7}, 3), ({"size": 5, "b": 7}, 3)]


@pytest.mark.slow
def test_a_control_may_take_the_epochs_of_its_model_without_a_trial(
    tmp_path, tiny_table, reproduce, monkeypatch
):
    tiny_table(limits=Limits(untuned=("shifted",)))
    asked = []

    def noting(task):
        asked.append((task.setting.validation is not None, task.entry.epochs))
        return shifted_scores(task)

    monkeypatch.setitem(MODELS, "shifted", dataclasses.replace(MODELS["shifted"], train=noting))
    report = reproduce(budget=3, seeds=1)
    settings = {"size": 5, "b": 7}
    assert report["entries"]["shifted"]["choice"] == {
        "settings": settings,
        "epochs": 4,
        "validation": None,
        "trials": 0,
    }
    assert asked == [(False, 4)]  # never on validation interactions
    assert "size 5 | 4 |  | 0 |" in markdown_page(report, tmp_path / "tiny.md")


@pytest.mark.slow
def test_a_model_without_a_trial_has_the_first_of_its_settings_and_the_most_epochs(
    tiny_table, reproduce, monkeypatch
):
    limits = Limits(untuned=("shift",), sizes={"shift": {"b": (8, 7)}}, epochs={"shift": 6})
    tiny_table(limits=limits)
    found = reproduce(budget=3, seeds=1)["entries"]
    shift, shifted = found["shift"]["choice"], found["shifted"]["choice"]
    assert shift["settings"] == {"size": 0, "b": 8}
    assert (shift["epochs"], shift["validation"], shift["trials"]) == (6, None, 0)
    assert (shifted["settings"], shifted["trials"]) == ({"size": 5, "b": 8}, 1)


@pytest.mark.slow
def test_the_settings_file_gives_the_same_table_without_a_search(tmp_path, reproduce):
    first = reproduce(budget=2)
    (tmp_path / "run").rename(tmp_path / "other")
    second = reproduce()
    for label, entry in first["entries"].items():
        for metric in ("ndcg@3", "recall@3"):
            assert second["entries"][label]["mean"][metric] == entry["mean"][metric]


def test_without_settings_and_without_a_search_nothing_is_run(reproduce):
    with pytest.raises(ValueError, match="Received none for popularity; EASE; shift; shifted"):
        reproduce()


@pytest.mark.slow
def test_a_control_brings_the_model_whose_settings_it_takes_into_the_search(reproduce):
    report = reproduce(budget=3, only=["shifted"])
    assert list(report["entries"]) == ["shifted"] and report["not_run"][-1] == "shift"
    assert report["entries"]["shifted"]["settings"]["size"] == 5


def test_a_resumed_run_trains_nothing_again_and_gives_the_same_report(
    tiny_table, reproduce, monkeypatch
):
    first = reproduce(budget=2)
    with pytest.raises(FileExistsError, match="--resume"):
        reproduce()
    for label in TABLES["tiny"].models:
        broken = dataclasses.replace(MODELS[label], train=lambda task: 1 / 0)
        monkeypatch.setitem(MODELS, label, broken)
    again = reproduce(resume=True)
    assert json.dumps(again) == json.dumps(first)


def stages(run_dir, chosen):
    final = study.final_study("tiny", chosen, run_dir)
    return {label: final.stage(label, {}, 0) for label in ("EASE", "shift", "shifted")}


@pytest.mark.slow
def test_other_settings_train_anew_and_so_does_what_builds_on_them(tmp_path, reproduce):
    reproduce(budget=3)
    path = tmp_path / "settings.json"
    chosen = read_choices(path)
    before = stages(tmp_path, chosen)
    chosen["shift"] = Choice({"size": 1, "b": 7}, 4)
    write_choices(path, chosen)
    report = reproduce(resume=True)
    assert report["entries"]["shift"]["settings"]["size"] == 1
    after = stages(tmp_path, chosen)
    assert before["EASE"] == after["EASE"]
    assert before["shift"] != after["shift"] and before["shifted"] != after["shifted"]


@pytest.mark.slow
def test_a_process_that_fails_costs_its_model_alone(tmp_path):
    pending = {"popularity": set(), "EASE": set()}
    done = []

    def call(label):
        # One process meets an unknown table, the other a folder that is not there.
        table = "none" if label == "EASE" else "irgan-ml100k"
        root = str(tmp_path / "absent")
        return functools.partial(
            study.choose, table, label, {}, run_dir=tmp_path, data_root=root, budget=1
        )

    failed = in_order(pending, call, lambda label, _: done.append(label), 2)
    assert not done and set(failed) == {"popularity", "EASE"}
    assert failed["EASE"].startswith("KeyError") and "absent" in failed["popularity"]


def test_a_folder_in_which_a_run_is_going_on_is_refused(tmp_path, reproduce):
    pytest.importorskip("fcntl")
    with sole_run(tmp_path / "run"), pytest.raises(ValueError, match="one run at a time"):
        reproduce(budget=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"only": ["no"]}, "`only` should hold labels of tiny"), ({}, "`table` should be one of")],
)
def test_unknown_names_are_refused(tmp_path, reproduce, change, message):
    with pytest.raises(ValueError, match=message):
        if change:
            reproduce(budget=1, **change)
        else:
            study.run("none", run_dir=tmp_path, settings_file=tmp_path / "s.json")


def test_a_model_that_fails_costs_itself_and_what_builds_on_it_alone(
    tiny_table, reproduce, monkeypatch
):
    broken = dataclasses.replace(MODELS["shift"], train=lambda task: 1 / 0)
    monkeypatch.setitem(MODELS, "shift", broken)
    lines = []
    report = reproduce(budget=1, log=lines.append)
    assert list(report["entries"]) == ["popularity", "EASE"]
    assert report["failed"]["shift"].startswith("ZeroDivisionError")
    assert report["failed"]["shifted"] == "builds on shift"
    assert any("shift FAILED" in line for line in lines)
