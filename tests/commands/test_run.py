from pathlib import Path

import pytest

from advrec_tf.commands import configuration
from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Run
from advrec_tf.commands.sources import Source
from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.recommend.single_settings import SingleSettings


def test_what_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file.csv").write_text("")
    for path in (tmp_path / "file.csv", tmp_path / "file.csv" / "below"):
        with pytest.raises(ValueError, match="`--export .*should be a folder.*which is a file"):
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


def test_titles_and_inputs_are_part_of_the_identity_of_a_run_its_options_not(tmp_path, caplog):
    rows = tmp_path / "rows.csv"
    rows.write_text("user_id,item_id\n" + "1,10\n1,20\n1,30\n2,10\n2,20\n2,30\n")
    items = tmp_path / "items.csv"
    source = Source(data=str(rows), item_table=items, item_table_text="title")

    def begun(title, *, resume=False, export=None, **inputs):
        items.write_text(f"item_id,title\n10,{title}\n20,Twenty\n30,Thirty\n")
        run = Run(out=tmp_path / "run", resume=resume)
        settings = SingleSettings(epochs=3)

        @guarded
        def begin():
            alone = {"trials": 3, "show_user": None}
            return runs.begin(
                run, source, settings, job="x", export=export, options=alone, **inputs
            )

        return begin()[2]

    with caplog.at_level("INFO"):
        begun("Ten", export=str(tmp_path / "a"), model_sha256="a").claim()
    assert "No column of times was named (--time-column): the order of the file" in caplog.text
    assert configuration.read(tmp_path / "run" / "run.json") == {
        "data": str(rows),
        "item_table": str(items),
        "item_table_text": "title",
        "out": str(tmp_path / "run"),
        "epochs": 3,
        "export": str(tmp_path / "a"),
        "trials": 3,
    }
    begun("Ten", resume=True, model_sha256="a")
    with pytest.raises(SystemExit, match="differs: .*`titles_sha256` was"):
        begun("Zehn", resume=True, model_sha256="a")
    with pytest.raises(SystemExit, match="`model_sha256` was a and is b"):
        begun("Ten", resume=True, model_sha256="b")


def test_a_file_of_the_user_by_the_name_of_one_of_the_run_stays(tmp_path):
    (tmp_path / "report.json").write_text("mine")
    with pytest.raises(FileExistsError, match=r"new file.*report\.json"):
        runs.open_store(Run(out=tmp_path), {"job": "x"}, {}, inputs=[])
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "mine"
