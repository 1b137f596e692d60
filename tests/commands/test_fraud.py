import pytest

from advrec_tf.commands.application import main


@pytest.mark.parametrize("name", ["--data", "--labels"])
def test_the_list_is_never_written_over_an_input(tmp_path, name, capfd):
    path = tmp_path / "fraud.csv"
    path.write_text("user_id,item_id\n1,2\n")
    words = {"--data": str(tmp_path / "other.csv"), name: str(path), "--out": str(tmp_path)}
    with pytest.raises(SystemExit):
        main(["fraud", "--overwrite", *(word for pair in words.items() for word in pair)])
    assert "should be another file than the input" in capfd.readouterr().err
    assert path.read_text() == "user_id,item_id\n1,2\n"
