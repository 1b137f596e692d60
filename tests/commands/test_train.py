import json

import pytest

from advrec_tf.commands.application import main
from tests.worlds import tiny_world


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    tiny_world(60, 20, density=0.4, rated=False).to_parquet(path)
    return path


def test_a_file_becomes_a_served_list_in_two_commands(table, tmp_path, capfd):
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


def test_a_next_item_model_is_trained_served_and_asked_by_history(table, tmp_path, capfd):
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
