import pytest

from advrec_tf.commands.application import main


def test_a_table_that_is_no_interactions_is_sent_to_its_command(tmp_path, capfd):
    (tmp_path / "table.csv").write_text("age,churned\n3,1\n4,0\n")
    with pytest.raises(SystemExit):
        main(["gan", "--data", str(tmp_path / "table.csv"), "--out", str(tmp_path / "run")])
    assert "there is `advrec table`" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
