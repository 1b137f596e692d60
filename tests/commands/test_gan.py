import contextlib
import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest

from advrec_tf.commands.application import main
from advrec_tf.data import load_ids
from advrec_tf.pipelines.recommend.gan_settings import GanSettings
from tests.worlds import tiny_world


def test_the_help_lists_the_settings_of_the_gan_and_of_no_other_model(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with contextlib.suppress(SystemExit):
        main(["gan", "--help"])
    settings = capsys.readouterr().out.split("Settings (of several values")[1]
    listed = re.findall(r"^\W*--([a-z0-9-]+)", settings, flags=re.MULTILINE)
    fields = [field.name.replace("_", "-") for field in dataclasses.fields(GanSettings)]
    assert listed == fields
    assert not re.search("tower|autoencoder|next-item|ranking", settings)


def test_the_help_lists_no_data_that_a_gan_does_not_read(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with contextlib.suppress(SystemExit):
        main(["gan", "--help"])
    listed = re.findall(r"--([a-z0-9-]+)", capsys.readouterr().out)
    assert {"data", "user-column", "time-column", "unrated"} <= set(listed)
    unread = r"user-table|item-table|context|column-kind|item-text|use-"
    assert not [name for name in listed if re.match(unread, name)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--temperature", "0.1"], "--temperature"),
        (["--gan-batch-size", "0"], "`--gan-batch-size` should be >= 1. Received: 0"),
    ],
)
def test_an_error_names_an_option_of_the_command(tmp_path, capfd, words, said):
    with pytest.raises(SystemExit):
        main(["gan", "--data", "synthetic", "--out", str(tmp_path / "run"), *words])
    assert said in capfd.readouterr().err


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """40 users in two shards, the rows of each in one."""
    folder = tmp_path_factory.mktemp("shards")
    whole = tiny_world(40, 15, density=0.4, rated=False)
    whole.select(whole.user_index < 22).to_parquet(folder / "1.parquet")
    whole.select(whole.user_index >= 22).to_parquet(folder / "2.parquet")
    return folder / "*.parquet"


def test_sequences_are_generated_from_shards_and_by_a_resumed_run(shards, tmp_path, capfd, eagerly):
    out = tmp_path / "run"
    words = ["gan", "--data", str(shards), "--out", str(out), "--model", "sequences"]
    words += ["--length", "4", "--gan-epochs", "1", "--gan-batch-size", "30"]
    main(words)
    said = capfd.readouterr().out
    assert "2 shards, read block by block" in said and "40 sequences with" in said
    table = pd.read_csv(out / "generated.csv")
    assert list(table) == ["sequence", "place", "item_id", "source"]
    assert table.groupby("source")["sequence"].nunique().to_dict() == {
        "gan": 40,
        "gan_ablation": 40,
    }
    assert table["place"].max() <= 4 and table["item_id"].between(0, 14).all()
    report = json.loads((out / "report.json").read_text())
    assert list(report["generators"]["whole"]) == ["gan", "gan_ablation"]
    assert len(load_ids(out / "ids.npz").users.vocabulary) == 40
    assert (out / "plots" / "generated_popularity.png").exists()
    (out / "generated.csv").unlink()
    main([*words, "--resume"])
    assert pd.read_csv(out / "generated.csv").equals(table)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--k-core", "5"], "`--k-core` should be 0 for shards"),
        (["--split", "global_time"], "`--split` should be one of last_item"),
        (["--rating-column", "rating"], "`--rating-column` should not be given for shards"),
        (["--time-column", "item_id"], "expected times. Received the ids of the items"),
        (["--replicas", "2"], "`--replicas` should be given beside --distribute mirrored"),
        (["--length", "4"], "`--length` should be given for the model sequences alone"),
        (["--model", "tables"], "--model"),
    ],
)
def test_what_no_gan_does_with_shards_is_refused(shards, tmp_path, capfd, words, said):
    with pytest.raises(SystemExit):
        main(["gan", "--data", str(shards), "--out", str(tmp_path / "run"), *words])
    assert said in " ".join(capfd.readouterr().err.split())


def test_shards_that_cut_the_rows_of_a_user_are_named_with_the_cure(tmp_path, capfd):
    world = tiny_world(20, 10, density=0.5, rated=False)
    for name, odd in (("1", 0), ("2", 1)):
        world.select(np.arange(len(world)) % 2 == odd).to_parquet(tmp_path / f"{name}.parquet")
    out = tmp_path / "run"
    with pytest.raises(SystemExit):
        main(["gan", "--data", str(tmp_path / "*.parquet"), "--out", str(out), "--quiet"])
    said = capfd.readouterr().err
    assert "column 'user_id': expected all rows of a user together" in said
    assert "advrec data convert --together user_id" in said


def test_a_table_that_is_no_interactions_is_sent_to_its_command(tmp_path, capfd):
    (tmp_path / "table.csv").write_text("age,churned\n3,1\n4,0\n")
    with pytest.raises(SystemExit):
        main(["gan", "--data", str(tmp_path / "table.csv"), "--out", str(tmp_path / "run")])
    assert "there is `advrec table`" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("data", "said"), [("generated", "the input"), ("other", "a new file")])
def test_what_is_in_the_folder_and_of_no_run_stays(tmp_path, data, said, capfd):
    for name in ("generated", "other"):
        (tmp_path / f"{name}.csv").write_text("user_id,item_id\n1,2\n")
    with pytest.raises(SystemExit):
        main(["gan", "--data", str(tmp_path / f"{data}.csv"), "--out", str(tmp_path)])
    assert said in capfd.readouterr().err
    assert (tmp_path / "generated.csv").read_text() == "user_id,item_id\n1,2\n"
