import json

import pandas as pd
import pytest

from advrec_tf.commands.application import main
from advrec_tf.models.vectors import save_vectors
from advrec_tf.serving import folder


def test_it_exports_a_finished_run(recommender, tmp_path, capfd):
    asked = ["export", "--run-dir", str(tmp_path), "--out", str(tmp_path / "out"), "--k", "2"]
    with pytest.raises(SystemExit):
        main(asked)
    assert "run.json should exist" in capfd.readouterr().err
    save_vectors(recommender, tmp_path / "shipped.npz")
    (tmp_path / "run.json").write_text('{"seed": 1}')
    choices = {"shipped_model": "two_tower", "id_table": "multi_hash", "refit": True}
    (tmp_path / "report.json").write_text(json.dumps({"choices": choices}))
    with pytest.raises(SystemExit):
        main([*asked, "--parquet", str(tmp_path / "lists.txt")])
    assert "`--parquet` should end in .parquet, .csv or .tsv" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
    (tmp_path / "out" / "1" / "assets.extra").mkdir(parents=True)
    (tmp_path / "out" / "1" / folder.METADATA).touch()
    main([*asked, "--keep", "1", "--parquet", str(tmp_path / "lists.parquet")])
    text = capfd.readouterr().out
    report = json.loads(text[: text.rindex("}") + 1])
    assert report["path"] == str(tmp_path / "out" / "2") and report["check"]["answers"] > 10
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["2"]
    assert folder.read_metadata(report["path"])["metadata"] == {
        "run": {"seed": 1},
        "model": {"shipped_model": "two_tower", "id_table": "multi_hash"},
    }
    assert len(pd.read_parquet(tmp_path / "lists.parquet")) == 5
    # Without --k lists are as long as the longest that may be asked for, of each of three users.
    plain = ["--max-k", "1", "--parquet", str(tmp_path / "lists.parquet")]
    main(["export", "--run-dir", str(tmp_path), "--out", str(tmp_path / "out"), *plain])
    capfd.readouterr()
    assert folder.read_metadata(tmp_path / "out" / "3")["k"] == 1
    assert len(pd.read_parquet(tmp_path / "lists.parquet")) == 3


def test_index_recall_and_tables_are_those_of_the_options(
    recommender, tmp_path, monkeypatch, capfd
):
    asked = {}

    def export(recommender, target, **settings):
        asked.update(settings)
        (target / "1" / "assets.extra").mkdir(parents=True)
        (target / "1" / folder.METADATA).write_text(
            '{"check": {}, "index": {"probes": 3}, "tables": {"k": 5}}'
        )
        return target / "1"

    monkeypatch.setattr("advrec_tf.serving.forms.export", export)
    save_vectors(recommender, tmp_path / "shipped.npz")
    (tmp_path / "run.json").write_text('{"settings": {"use_features": true}}')
    out = ["--out", str(tmp_path / "out"), "--index", "ivf", "--recall", "0.9"]
    out += ["--tables", "int8", "--k", "20", "--max-k", "200"]
    # As in the folder of a run by an earlier version.
    with pytest.warns(UserWarning, match="keeps no columns of users or a context"):
        main(["export", "--run-dir", str(tmp_path), *out])
    assert asked["index"] == "ivf" and asked["recall"] == 0.9
    assert asked["tables"] == "int8" and (asked["k"], asked["max_k"]) == (20, 200)
    printed = json.loads(capfd.readouterr().out)
    assert printed["index"] == {"probes": 3} and printed["tables"] == {"k": 5}
