import pytest

from advrec_tf.commands.application import main


def test_a_report_is_never_written_over(tmp_path, capfd):
    (tmp_path / "quality.json").write_text("{}")
    for out in (tmp_path, tmp_path / "quality.json"):
        with pytest.raises(SystemExit):
            main(["quality", "real.csv", "generated.csv", "--out", str(out)])
        assert "`--out` should be a new folder" in capfd.readouterr().err
