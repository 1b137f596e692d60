import contextlib
import dataclasses
import json
import re

import pytest

from advrec_tf.commands.application import main
from advrec_tf.pipelines.recommend.ranking_settings import RankingSettings
from advrec_tf.serving import folder
from advrec_tf.serving.saved_model_client import SavedModelClient
from tests.worlds import tiny_world


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "ratings.parquet"
    tiny_world(60, 20, density=0.4).to_parquet(path)
    return path


def words(table, out, *more):
    options = ["--out", str(out), "--ranking-epochs", "1", "--ease-l2", "30", "--quiet"]
    return ["ranking", "--data", str(table), "--rating-column", "rating", *options, *more]


def test_the_help_lists_the_settings_of_the_tower_and_of_no_other_model(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with contextlib.suppress(SystemExit):
        main(["ranking", "--help"])
    settings = capsys.readouterr().out.split("Settings (of several values")[1]
    listed = re.findall(r"^\W*--([a-z0-9-]+)", settings, flags=re.MULTILINE)
    assert listed == [field.name.replace("_", "-") for field in dataclasses.fields(RankingSettings)]


@pytest.mark.slow
def test_every_model_of_a_run_is_exported_and_asked(rated, tmp_path, capfd):
    out, models = tmp_path / "run", tmp_path / "models"
    main(words(rated, out, "--export", str(models)))
    printed = capfd.readouterr().out
    assert f"SavedModel   {models / '1'}" in printed
    assert "ranking_multi_task, ratings: rmse" in printed
    report = json.loads((out / "report.json").read_text())
    assert {"ndcg@10", "ratings"} <= set(report["models"]["ranking_multi_task"])
    assert report["export"]["check"]["answers"] > 0
    exported = ["--resume", "--export", str(models), "--exported", "multi_task"]
    main(words(rated, out, *exported))
    client = SavedModelClient(models)
    assert client.path.name == "2" and "rate" in client.metadata["signatures"]
    user = client.predict("rate", {"user_id": ["0"], "item_id": ["0"]})
    assert user["score"].shape == (1,) and user["known_user"].tolist() == [True]
    identity = folder.read_metadata(models / "2")["metadata"]["run"]
    assert identity["job"] == "ranking"


def test_a_model_that_needs_ratings_is_refused_before_anything_is_trained(tmp_path, capfd):
    table = tmp_path / "clicks.parquet"
    tiny_world(30, 10, density=0.5, rated=False).to_parquet(table)
    out = tmp_path / "run"
    asked = ["ranking", "--data", str(table), "--out", str(out), "--quiet"]
    with pytest.raises(SystemExit):
        main([*asked, "--export", str(tmp_path / "models"), "--exported", "ratings"])
    assert "`--exported` should be clicks for data without ratings" in capfd.readouterr().err
    assert not list(out.glob("stages/*.npz"))
