import json

import pytest

from advrec_tf.commands.application import main
from advrec_tf.pipelines.audit import data, job, poisoning
from tests.worlds import block_world


@pytest.fixture
def words(tmp_path, monkeypatch):
    """A table of a world of two tastes, and a scorer that knows them."""
    monkeypatch.setattr(data, "suspicious", lambda interactions, seed: {"not_possible": "Quick."})
    monkeypatch.setattr(poisoning, "KINDS", ("random",))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "scorers_of_test_audit.py").write_text(
        "import numpy as np\n"
        "def tastes(users):\n"
        "    users = np.asarray(users)[:, None]\n"
        "    return (users % 2 == 0) + np.zeros((len(users), 24), np.float32)\n"
        "def nan(users):\n"
        "    return tastes(users) * np.nan\n"
        "def narrow(users):\n"
        "    return tastes(users)[:, 1:]\n"
    )
    block_world(60, 24, 8).to_parquet(tmp_path / "events.parquet")
    table = str(tmp_path / "events.parquet")
    return ["audit", "--data", table, "--out", str(tmp_path / "out"), "--quiet", "--model"]


def test_an_audit_writes_its_page_and_figures_and_its_exit_code_follows_the_verdicts(
    words, tmp_path, capfd, monkeypatch
):
    words = [*words, "scorers_of_test_audit:tastes", "--targets", "1", "--profiles", "3"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--fail-under", "100"])
    assert ended.value.code == 3
    printed = capfd.readouterr().out
    report = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert (tmp_path / "out" / "audit.html").read_text().startswith("<!doctype html>")
    assert "failed, " in printed and "out/audit.html" in printed
    passed = report["models"][0]["passed_share"]
    assert 0 < passed < 100
    monkeypatch.setattr(job, "run", lambda *_, **__: report)
    main([*words, "--overwrite", "--fail-under", str(passed)])
    with pytest.raises(SystemExit) as ended:
        main([*words, "--overwrite", "--fail-under", str(passed + 0.1)])
    assert ended.value.code == 3


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("scorers_of_test_audit:nan", "`score` of nan should be numbers. Received 1,440 NaN"),
        ("scorers_of_test_audit:narrow", "`score` of narrow should return [60, 24]"),
        ("no/such/folder", "`--model` should be the folder of a run"),
    ],
)
def test_a_model_that_is_none_of_the_file_ends_in_a_sentence(words, capfd, model, sentence):
    with pytest.raises(SystemExit) as ended:
        main([*words, model])
    assert ended.value.code == 1 and sentence in capfd.readouterr().err


def test_a_page_is_not_replaced_unasked_and_a_model_is_required(words, tmp_path, capfd):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "audit.html").write_text("kept")
    with pytest.raises(SystemExit):
        main([*words, "scorers_of_test_audit:tastes"])
    assert "replaced only with --overwrite" in capfd.readouterr().err
    assert (tmp_path / "out" / "audit.html").read_text() == "kept"
    with pytest.raises(SystemExit):
        main(words[:-1])
    assert "--model" in capfd.readouterr().err
