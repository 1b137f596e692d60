import json

import pytest

from advrec_tf.commands import application, configuration


def test_the_options_of_a_record_are_those_under_its_key(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"job": "train", "options": {"k_core": 3}}))
    assert configuration.read(path) == {"k_core": 3}
    path.write_text('{"k_core": 3}')
    assert configuration.read(path) == {"k_core": 3}


def test_toml_is_read_by_its_name(tmp_path):
    pytest.importorskip("tomllib")
    path = tmp_path / "mine.toml"
    path.write_text("k_core = 3\nepsilon = [0.1, 0.2]\n")
    assert configuration.read(path) == {"k_core": 3, "epsilon": [0.1, 0.2]}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "should be a readable"), ("{", "should be JSON or TOML"), ("[1]", "a mapping")],
)
def test_what_holds_no_options_is_refused_with_its_name(tmp_path, content, said):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=said) as error:
        configuration.read(path)
    assert "run.json" in str(error.value)


def test_the_arguments_go_on_without_the_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    tokens, config = configuration.split(["train", "--config", str(path), "--k", "3"])
    assert tokens == ["train", "--k", "3"] and len(config) == 1
    assert configuration.split([f"--config={path}", "train"])[0] == ["train"]
    assert configuration.split(["train"]) == (["train"], ())


@pytest.mark.parametrize("words", [["--config"], ["--config", "a", "--config", "b"]])
def test_a_file_is_given_once(words):
    with pytest.raises(ValueError, match="`--config` should be given once"):
        configuration.split(words)


def test_options_are_read_back_as_they_are_typed():
    options = {"data": "a b.csv", "user_column": "Customer e-mail", "missing": ("x", "y")}
    typed = configuration.words({**options, "keep_missing": True})
    assert typed == (
        "--data 'a b.csv' --user-column 'Customer e-mail' --missing x y --keep-missing"
    )


def test_an_option_may_have_the_name_of_a_command(tmp_path, capfd):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"options": {"data": str(tmp_path / "nowhere.csv")}}))
    with pytest.raises(SystemExit):
        application.main(["table", "--config", str(path), "--out", str(tmp_path / "run")])
    assert "nowhere.csv" in capfd.readouterr().err
