import sys
import types
from pathlib import Path

import pytest

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Run
from advrec_tf.pipelines.stages import StageStore


def test_nothing_to_resume_is_said(tmp_path, caplog):
    run = Run(out=tmp_path / "new", resume=True)
    with caplog.at_level("INFO", logger="advrec_tf"):
        runs.note_resume(run)
        assert "new holds no run to resume" in caplog.text
        caplog.clear()
        StageStore(run.out, {}).claim()
        runs.note_resume(run)
    assert caplog.text == ""


def test_what_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file.csv").write_text("")
    for path in (tmp_path / "file.csv", tmp_path / "file.csv" / "below"):
        with pytest.raises(ValueError, match="`--export .*should be writable"):
            runs.check_writable("--export", path)
    runs.check_writable("--export", tmp_path / "new" / "below")
    runs.check_writable("--export", None)


def test_the_recorded_command_names_the_data_folder_by_its_variable(monkeypatch):
    monkeypatch.setenv("ADVREC_DATA", "/some/where")
    words = ["train", "--data", "/some/where/ml-100k", "--resume"]
    monkeypatch.setattr("sys.argv", ["/usr/bin/advrec", *words])
    assert runs.command_line() == "advrec train --data $ADVREC_DATA/ml-100k"
    monkeypatch.setattr("sys.argv", ["scripts/x.py", *words])
    assert runs.command_line() == "python scripts/x.py train --data $ADVREC_DATA/ml-100k"


def test_a_command_that_is_a_module_is_given_by_its_name(monkeypatch):
    spec = types.SimpleNamespace(name="experiments.x.__main__", origin="/some/where/x/__main__.py")
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(__spec__=spec))
    monkeypatch.setattr("sys.argv", ["/some/where/x/__main__.py", "--seeds", "1", "--resume"])
    assert runs.command_line() == "python -m experiments.x --seeds 1"


def test_the_report_is_written_whole_and_its_place_is_said(tmp_path, capsys):
    run = Run(out=tmp_path)
    path = runs.write_report(run, {"a": 1})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    runs.say_where(run, report=path, export="models/1")
    out = capsys.readouterr().out
    assert f"report       {path}" in out and "SavedModel   models/1" in out
    assert Path(tmp_path, "tensorboard").as_posix() in out
