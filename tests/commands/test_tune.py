import pytest

from advrec_tf.commands.application import main
from tests.worlds import tiny_world


def test_a_search_names_the_best_settings_and_the_next_command(tmp_path, capfd):
    pytest.importorskip("optuna", reason="needs the extra `search`")
    data, out = tmp_path / "events.parquet", tmp_path / "tune"
    tiny_world(60, 20, density=0.4, rated=False).to_parquet(data)
    words = ["tune", "--data", str(data), "--out", str(out), "--model", "factorization"]
    words += ["--adversary", "none", "--epochs", "1", "--trials", "1"]
    main(words)
    printed = capfd.readouterr().out
    assert "1 complete. The best has NDCG@10 0." in printed
    assert (out / "run.log").exists()
    assert f"advrec train --data {data} --config {out / 'best.json'} --out FOLDER" in printed
    with pytest.raises(SystemExit):
        main(words)
    assert "holds a run already" in capfd.readouterr().err
