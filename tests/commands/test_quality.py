import pytest

from advrec_tf.commands.application import main


def test_a_report_is_never_written_over(tmp_path, capfd):
    for name in ("quality.json", "quality.html"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("mine")
        refusals = {
            tmp_path / name: "replaced only with --overwrite",
            tmp_path / name / name: "should be a folder",
        }
        for out, expected in refusals.items():
            with pytest.raises(SystemExit):
                main(["quality", "real.csv", "generated.csv", "--out", str(out)])
            assert expected in capfd.readouterr().err
        assert (tmp_path / name / name).read_text() == "mine"
    main_file = str(tmp_path / "quality.json" / "quality.json")
    with pytest.raises(SystemExit):
        main(
            ["quality", main_file, "generated.csv", "--out", str(tmp_path / "quality.json")]
            + ["--overwrite"]
        )
    assert "another file than the input" in capfd.readouterr().err
