"""`--mlflow` with a module in the place of MLflow that writes down what it is told."""

import contextlib
import json
import sys
import types

import pytest

from advrec_tf.commands import tracking
from advrec_tf.commands.application import main

EVENTS = "user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u in range(8) for i in range(u, u + 6))


@pytest.fixture
def mlflow(monkeypatch):
    """A module that keeps (what, with what) of each call, in `calls`."""
    module = types.ModuleType("mlflow")
    module.calls = calls = []

    def kept(name):
        return lambda *args, **kwargs: calls.append((name, args))

    for name in ("set_tracking_uri", "set_experiment", "set_tag", "log_artifact"):
        setattr(module, name, kept(name))
    for name in ("log_params", "log_metrics"):
        setattr(module, name, kept(name))

    @contextlib.contextmanager
    def start_run(run_name):
        calls.append(("start_run", (run_name,)))
        yield

    module.start_run = start_run
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return module


@pytest.mark.parametrize(
    ("words", "left", "uri"),
    [
        (["a", "--x", "1"], ["a", "--x", "1"], None),
        (["a", "--mlflow", "http://h:5000", "--x"], ["a", "--x"], "http://h:5000"),
        (["a", "--mlflow=file:mlruns", "--x"], ["a", "--x"], "file:mlruns"),
        (["a", "--mlflow", "--x"], ["a", "--x"], "sqlite:///named.db"),
        (["a", "--mlflow"], ["a"], "sqlite:///named.db"),
    ],
)
def test_the_address_is_given_or_in_the_environment(words, left, uri, monkeypatch):
    monkeypatch.setenv(tracking.VARIABLE, "sqlite:///named.db")
    assert tracking.split(words) == (left, uri)


def test_without_an_address_and_with_two_it_is_a_mistake(monkeypatch):
    monkeypatch.delenv(tracking.VARIABLE, raising=False)
    with pytest.raises(ValueError, match="should name a tracking server"):
        tracking.split(["train", "--mlflow", "--out", "x"])
    with pytest.raises(ValueError, match="given once"):
        tracking.split(["train", "--mlflow", "a:", "--mlflow", "b:"])


def test_figures_are_the_finite_numbers_of_a_report_by_their_path():
    report = {"models": {"tower+prior": {"ndcg@10": 0.5, "worst": float("nan"), "text": "x"}}}
    assert tracking.figures(report) == {"models/tower-prior/ndcg_at_10": 0.5}


def test_settings_figures_and_files_of_a_folder_are_logged(mlflow, tmp_path):
    record = {"out": tmp_path, "seed": 3, "quiet": False}
    with tracking.tracked("train", record, "file:/m"):
        (tmp_path / "report.json").write_text(json.dumps({"models": {"a": {"mrr": 0.25}}}))
        (tmp_path / "run.log").write_text("said")
        (tmp_path / "stages").mkdir()
        (tmp_path / "stages" / "large.npz").write_text("x")
    names = [name for name, _ in mlflow.calls]
    assert names[:4] == ["set_tracking_uri", "set_experiment", "start_run", "set_tag"]
    assert ("log_params", ({"out": str(tmp_path), "seed": "3"},)) in mlflow.calls
    assert ("log_metrics", ({"models/a/mrr": 0.25},)) in mlflow.calls
    logged = [args[0] for name, args in mlflow.calls if name == "log_artifact"]
    assert logged == [str(tmp_path / "report.json"), str(tmp_path / "run.log")]


def test_a_command_that_fails_keeps_what_it_wrote(mlflow, tmp_path):
    with pytest.raises(ValueError, match="broken"):
        with tracking.tracked("train", {"out": tmp_path}, "file:/m"):
            (tmp_path / "run.log").write_text("said")
            raise ValueError("broken")
    assert ("log_artifact", (str(tmp_path / "run.log"), None)) in mlflow.calls


def test_a_command_is_logged_with_the_options_of_its_records(mlflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.csv").write_text(EVENTS)
    words = ["train", "--data", "events.csv", "--out", "run", "--k-core", "99"]
    with pytest.raises(SystemExit):  # nothing is left of the file
        main([*words, "--mlflow", "file:/m"])
    (params,) = [args[0] for name, args in mlflow.calls if name == "log_params"]
    assert params == {"data": "events.csv", "out": "run", "k_core": "99"}
    assert ("start_run", ("train run",)) in mlflow.calls


def test_an_address_that_mlflow_cannot_use_is_a_mistake(mlflow, tmp_path):
    def refuse(name):
        raise RuntimeError("no such store")

    mlflow.set_experiment = refuse
    with pytest.raises(ValueError, match="MLflow cannot use odd:: no such store"):
        with tracking.tracked("train", {"out": tmp_path}, "odd:"):
            raise AssertionError("the command should not have begun")


def test_what_is_missing_is_said_in_a_sentence(monkeypatch, capfd, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SystemExit):
        main(["train", "--data", "synthetic", "--out", str(tmp_path / "x"), "--mlflow", "file:/m"])
    assert "needs MLflow: pip install mlflow-skinny" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        main(["doctor", "--mlflow", "file:/m"])
    assert "a command with a folder, --out" in capfd.readouterr().err
