from pathlib import Path

import pytest

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Run


def test_what_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file.csv").write_text("")
    for path in (tmp_path / "file.csv", tmp_path / "file.csv" / "below"):
        with pytest.raises(ValueError, match="`--export .*should be writable"):
            runs.check_writable("--export", path)
    runs.check_writable("--export", tmp_path / "new" / "below")
    runs.check_writable("--export", None)


def test_the_report_is_written_whole_and_its_place_is_said(tmp_path, capsys):
    run = Run(out=tmp_path)
    path = runs.write_report(run, {"a": 1})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    runs.say_where(run, report=path, export="models/1")
    out = capsys.readouterr().out
    assert f"report       {path}" in out and "SavedModel   models/1" in out
    assert Path(tmp_path, "tensorboard").as_posix() in out
