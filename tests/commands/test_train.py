import json

import pytest

from advrec_tf.commands.application import main
from tests.worlds import tiny_world


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    tiny_world(60, 20, density=0.4, rated=False).to_parquet(path)
    return path


def test_a_file_becomes_a_served_list_in_two_commands(table, tmp_path, capfd, eagerly):
    out, models = tmp_path / "run", tmp_path / "models"
    words = ["train", "--data", str(table), "--out", str(out), "--epochs", "2", "--quiet"]
    main([*words, "--export", str(models)])
    printed = capfd.readouterr().out
    report = json.loads((out / "report.json").read_text())
    assert list(report["models"]) == ["popularity", "ease", "autoencoder+perturbed", "shipped"]
    assert report["choices"]["refit"] is True and report["export"]["check"]["answers"] > 0
    assert "epoch   1/2" not in printed and f"SavedModel   {models / '1'}" in printed
    log = (out / "run.log").read_text()
    assert "epoch   2/2" in log and "refit on all" in log
    user = report["data"]["read"]["num_users"] and printed.split("for user ")[1].split(":")[0]
    main(["recommend", "--model", str(models), "--user", user, "--k", "2"])
    assert len(capfd.readouterr().out.splitlines()) == 3
    with pytest.raises(SystemExit):
        main(words)
    assert "holds a run already" in capfd.readouterr().err
    main([*words, "--resume"])
    again = json.loads((out / "report.json").read_text())["models"]["shipped"]
    assert again["ndcg@10"] == report["models"]["shipped"]["ndcg@10"]


def test_a_next_item_model_is_trained_served_and_asked_by_history(table, tmp_path, capfd, eagerly):
    out, models = tmp_path / "run", tmp_path / "models"
    words = ["train", "--data", str(table), "--out", str(out), "--model", "sasrec", "--epochs", "2"]
    small = ["--dim", "8", "--blocks", "1", "--length", "10", "--quiet"]
    main([*words, *small, "--export", str(models)])
    capfd.readouterr()
    report = json.loads((out / "report.json").read_text())
    rows = ["popularity", "ease", "transitions", "sasrec+perturbed"]
    assert list(report["models"]) == rows
    assert "read the validation items" in report["protocol"]["histories"]
    main(["recommend", "--model", str(models), "--history", "3", "4"])
    assert len(capfd.readouterr().out.splitlines()) == 11
    main(["export", "--run-dir", str(out), "--out", str(tmp_path / "again")])
    assert json.loads(capfd.readouterr().out)["check"]["answers"] > 0
    one = ["--attack", "delete", "--defence", "none", "--edits", "1", "--max-users", "9"]
    main(["attack", "--run-dir", str(out), "--out", str(tmp_path / "attacked"), *one])
    printed = capfd.readouterr().out.splitlines()
    rows = [line.split()[:3] for line in printed if line.startswith("delete")]
    searches = [["delete", search, "none"] for search in ("random", "greedy", "gradient")]
    assert rows[:3] == searches and rows[3][:2] == ["delete", "none"]  # and the worst of them
    attacked = json.loads((tmp_path / "attacked" / "attack.json").read_text())
    assert attacked["model"] == "sasrec+perturbed" and attacked["asked_users"] == 9


@pytest.fixture(scope="module")
def shards(table, tmp_path_factory):
    """The rows of `table` in four shards."""
    folder = tmp_path_factory.mktemp("shards") / "events"
    main(["data", "convert", str(table), "--out", str(folder), "--rows-of-a-shard", "120"])
    return folder


def test_shards_are_trained_on_without_holding_their_rows(shards, tmp_path, capfd, monkeypatch):
    from advrec_tf.data import CountedInteractions, load_ids
    from advrec_tf.models.retrieval import TwoTower

    held = []
    for name in ("_held", "_user_items"):
        original = getattr(CountedInteractions, name).func
        monkeypatch.setattr(
            CountedInteractions, name, property(lambda self, o=original: held.append(1) or o(self))
        )
    fitted = []
    fit = TwoTower.fit
    monkeypatch.setattr(
        TwoTower, "fit", lambda self, *a, **k: (fit(self, *a, **k), fitted.append(list(held)))[0]
    )
    out = tmp_path / "run"
    words = ["train", "--data", str(shards / "*.parquet"), "--out", str(out), "--epochs", "1"]
    main([*words, "--model", "two_tower", "--dim", "4", "--adversary", "none", "--no-refit"])
    assert fitted == [[]]
    said = capfd.readouterr().out
    assert "60 users, 20 items" in said and "4 shards" in said and "on 60 users" in said
    report = json.loads((out / "report.json").read_text())
    assert list(report["models"]) == ["popularity", "two_tower", "shipped"]
    assert report["data"]["rows"] == report["data"]["read"]["rows_kept"]
    assert report["protocol"]["split_settings"]["evaluated_users"] == 60
    assert len(load_ids(out / "ids.npz").items.vocabulary) == 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "sasrec"], "`--model` should be two_tower"),
        (["--k-core", "5"], "`--k-core` should be 0 for shards"),
        (["--split", "global_time"], "`--split` should be one of last_item"),
        (["--rating-column", "rating"], "`--rating-column` should not be given for shards"),
        (["--user-table", "users.csv"], "should not be given for shards"),
    ],
)
def test_what_needs_all_rows_in_memory_is_refused_for_shards(shards, tmp_path, capfd, words, said):
    with pytest.raises(SystemExit):
        main(["train", "--data", str(shards), "--out", str(tmp_path / "run"), *words])
    assert said in capfd.readouterr().err


def test_shards_are_refused_where_a_command_holds_all_rows(shards, tmp_path, capfd):
    with pytest.raises(SystemExit):
        main(["compare", "--data", str(shards), "--out", str(tmp_path / "run")])
    assert "shards are read by `advrec train`, and by `advrec gan`" in capfd.readouterr().err
