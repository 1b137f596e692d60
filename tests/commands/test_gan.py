import pytest

from advrec_tf.commands.application import main


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
