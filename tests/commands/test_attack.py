import json

import pytest

from advrec_tf.commands.application import main
from tests.worlds import tiny_world


def test_the_names_to_choose_from_are_listed(capfd):
    main(["attack", "--list-names"])
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        *("attacks", "victims", "defences"),
        *("attacks with --run-dir", "defences with --run-dir"),
    ]
    assert "average" in lines[0] and "biased_mf" in lines[1] and "none" in lines[2]
    assert "substitute" in lines[3] and "smoothing" in lines[4]


def test_the_measures_of_an_attack_are_written_once(tmp_path, capfd):
    data, out = tmp_path / "events.parquet", tmp_path / "out"
    tiny_world(40, 20, density=0.4).to_parquet(data)
    words = ["attack", "--data", str(data), "--rating-column", "rating", "--victim", "popularity"]
    words += ["--attack", "random", "--items", "3", "--out", str(out)]
    main(words)
    assert json.loads((out / "attack.json").read_text())["certificates"] is None
    main([*words, "--resume"])
    assert "## What the targets rest on" in (out / "attack.md").read_text()
    with pytest.raises(SystemExit):
        main(words)
    said = capfd.readouterr().err
    assert "--resume goes on with the attack it is of, --overwrite measures anew" in said
    assert f"Received: {out}, which holds attack.json." in said
    with pytest.raises(SystemExit):
        main([*words[:-4], "--items", "nosuch"])
    assert "`--items` should be ids of items, such as " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run-dir", "x", "--victim", "biased_mf"], "`--victim` should be left out beside --run"),
        (["--run-dir", "x", "--user-column", "u"], "`--user-column` should be left out beside"),
        (["--run-dir", "x", "--certify", "9"], "`--certify` should be left out beside --run-dir"),
        (
            ["--run-dir", "x", "--verified-share", ".1"],
            "`--verified-share` should be left out beside",
        ),
        (["--data", "x", "--resume"], "`--resume` should be given beside --out"),
        (["--data", "x", "--edits", "1", "2"], "`--edits` should be given beside --run-dir alone"),
        (["--run-dir", "x"], "`--run-dir` should be the folder of a finished `advrec train"),
    ],
)
def test_options_of_one_way_are_refused_in_the_other(words, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["attack", *words])
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--attack", "average"], "`--attack` should be one of all, substitute"),
        (["--defence", "APR"], "`--defence` should be one of all, none"),
        (["--targets", "published"], "`--targets` should be one of popular, mid, tail"),
        (["--edits", "1000"], "the longest history that the model reads has 40 items"),
        (["--size", "2"], "`--size` should be a fraction"),
    ],
)
def test_what_needs_no_data_is_refused_before_they_are_read(words, said, tmp_path, capfd):
    settings = {"model": "sasrec", "length": 40}
    record = {"job": "train", "settings": settings, "options": {"data": "absent.csv"}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    (tmp_path / "report.json").write_text(json.dumps({"choices": {"shipped_model": "sasrec"}}))
    with pytest.raises(SystemExit):
        main(["attack", "--run-dir", str(tmp_path), *words])
    assert said in capfd.readouterr().err


@pytest.mark.slow
def test_a_trained_next_item_model_is_attacked_by_fake_users_too(tmp_path, capfd):
    table, out = tmp_path / "events.csv", tmp_path / "out"
    rows = [f"u{u},i{(u + p) % 20},{p * 60}" for u in range(40) for p in range(8)]
    table.write_text("\n".join(["who,what,when", *rows]))
    columns = ["--user-column", "who", "--item-column", "what", "--time-column", "when"]
    small = ["--epochs", "2", "--dim", "8", "--blocks", "1", "--length", "8", "--quiet"]
    run = ["--model", "sasrec", "--out", str(tmp_path / "run"), *columns, *small]
    main(["train", "--data", str(table), *run])
    moved = tmp_path / "moved.csv"
    table.rename(moved)
    words = ["attack", "--run-dir", str(tmp_path / "run"), "--out", str(out), "--data", str(moved)]
    main([*words, "--attack", "co-visitation", "--max-users", "20"])
    report = json.loads((out / "attack.json").read_text())
    found = [(row["attack"], row["defence"]) for row in report["promotion"]]
    clean = [("none", "none"), ("none", "smoothing")]
    after = [("co-visitation", name) for name in ("none", "smoothing", "removal")]
    assert found == clean + 2 * after and report["pollution"] == []
    assert (out / "plots" / "promotion.png").is_file()
    moved.write_text("\n".join(["who,what,when", *rows[:-8]]))
    capfd.readouterr()
    with pytest.raises(SystemExit):
        main([*words, "--overwrite"])
    assert "was trained on, by file, columns and filters" in capfd.readouterr().err
