import contextlib
import dataclasses
import re

import pytest

from advrec_tf.commands.application import main
from advrec_tf.pipelines.recommend.gan_settings import GanSettings


def test_the_help_lists_the_settings_of_the_gan_and_of_no_other_model(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with contextlib.suppress(SystemExit):
        main(["gan", "--help"])
    settings = capsys.readouterr().out.split("Settings (of several values")[1]
    listed = re.findall(r"^\W*--([a-z0-9-]+)", settings, flags=re.MULTILINE)
    fields = [field.name.replace("_", "-") for field in dataclasses.fields(GanSettings)]
    assert listed == fields
    assert not re.search("tower|autoencoder|next-item|ranking", settings)


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
