import json

import pytest

from advrec_tf.commands.application import main
from tests.worlds import tiny_world


def test_the_names_to_choose_from_are_listed(capfd):
    main(["attack", "--list-names"])
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["attacks", "victims", "defences"]
    assert "average" in lines[0] and "biased_mf" in lines[1] and "none" in lines[2]


def test_the_measures_of_an_attack_are_written_once(tmp_path, capfd):
    data, out = tmp_path / "events.parquet", tmp_path / "out"
    tiny_world(40, 20, density=0.4).to_parquet(data)
    words = ["attack", "--data", str(data), "--rating-column", "rating", "--victim", "popularity"]
    words += ["--attack", "random", "--items", "3", "--out", str(out)]
    main(words)
    assert json.loads((out / "attack.json").read_text())
    with pytest.raises(SystemExit):
        main(words)
    assert "should be a new file" in capfd.readouterr().err
