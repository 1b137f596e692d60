"""`advrec`: every command has its function, its help, and one sentence for a mistake."""

import contextlib
import importlib
import inspect
import json
import re
import subprocess
import sys

import pytest

from advrec_tf.commands.application import COMMANDS, DATA_COMMANDS, _in_options, app, main
from advrec_tf.serving import rest_client

TRAIN = ["train", "--data", "synthetic", "--out", "x"]
SENTENCE = re.compile(r"[A-Z`\"'(].*\.$", re.DOTALL)


HELP = {name: (name, name, text) for name, text in COMMANDS.items()} | {
    f"data {name}": ("data", function, text) for name, (function, text) in DATA_COMMANDS.items()
}
"""Command -> module, function, what the list says of it."""


def options(name):
    """(option, help text) of every argument of a command."""
    command = app
    for word in name.split():
        command = command[word]
    collected = command.assemble_argument_collection(parse_docstring=True)
    return [(a.name, a.parameter.help) for a in collected if a.parse and a.name != "*"]


@pytest.mark.parametrize("name", HELP)
def test_a_command_is_a_function_whose_docstring_says_what_the_list_says(name):
    module, function, listed = HELP[name]
    text = inspect.getdoc(
        getattr(importlib.import_module(f"advrec_tf.commands.{module}"), function)
    )
    assert SENTENCE.match(text.splitlines()[0])
    assert SENTENCE.match(listed)
    assert f"advrec {name}" in text or name == "doctor"


@pytest.mark.parametrize("name", HELP)
def test_the_help_of_every_option_is_whole_sentences(name):
    wrong = [(option, text) for option, text in options(name) if not SENTENCE.match(text or "")]
    assert wrong == []


def test_the_sentence_check_reads_the_help_that_a_user_sees():
    found = dict(options("train"))
    assert found["--out"].startswith("The folder for all")
    assert len(found) > 25


def test_help_loads_no_tensorflow():
    code = (
        "import sys; from advrec_tf.commands.application import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "assert 'tensorflow' not in sys.modules, 'loaded'"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--user-column" in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["trian"], 2, 'Did you mean "train"?'),
        (
            ["train", "--data", "synthetic", "--out", "x", "--epoch", "3"],
            2,
            "Did you mean --epochs",
        ),
        (["train", "--data", "synthetic", "--out", "x", "--model", "bert"], 2, "two_tower"),
        (["train", "--data", "synthetic"], 2, "--out"),
        ([*TRAIN, "--epochs", "0"], 1, "`--epochs` should be"),
        (["train", "--data", "none.csv", "--out", "x"], 1, "nothing is: none.csv"),
        (
            ["compare", "--data", "synthetic", "--out", "x", "--epsilon", "0"],
            1,
            "`--epsilon` should",
        ),
        ([*TRAIN, "--replicas", "2"], 1, "`--replicas` should be given beside --distribute"),
        ([*TRAIN, "--distribute", "multi_worker"], 1, "`TF_CONFIG` should be JSON"),
        (["recommend"], 1, "Either `--model` or `--url` should be given."),
        (["attack"], 1, "`--data` or `--run-dir` should be given"),
    ],
)
def test_a_mistake_ends_in_a_sentence(words, code, said, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == code
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", capfd.readouterr().err).split())
    assert said in text and "Traceback" not in text
    assert list(tmp_path.iterdir()) == []


def test_the_traceback_is_shown_where_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("ADVREC_TRACEBACK", "1")
    with pytest.raises(ValueError):
        main(["recommend"])


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(monkeypatch, capfd):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(rest_client, "RestClient", interrupted)
    with pytest.raises(SystemExit) as stop:
        main(["recommend", "--url", "http://x", "--name", "model", "--user", "1"])
    assert stop.value.code == 130
    assert capfd.readouterr().err == "Stopped. Nothing is left half written.\n"


def test_options_come_from_a_file_and_the_command_line_comes_first(tmp_path, capfd):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"options": {"url": "http://x", "k": 3}}))
    with pytest.raises(SystemExit):
        main(["recommend", "--config", str(path), "--user", "1"])
    assert "`--url` needs `--name`" in capfd.readouterr().err
    path.write_text(json.dumps({"usre": ["1"]}))
    with pytest.raises(SystemExit):
        main(["recommend", "--config", str(path)])
    assert "usre" in capfd.readouterr().err


def test_help_fills_its_paragraphs_and_shows_no_default_where_nothing_is_given(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # heeded where no help was shown in this process before
    with contextlib.suppress(SystemExit):
        main(["train", "--help"])
    shown = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    assert "with a line for each user: all its columns are features" in shown
    assert "[default: none]" not in shown and "[default: fgsm]" in shown


def test_a_mistake_names_the_option_and_not_the_argument_of_a_function(capfd):
    with pytest.raises(SystemExit):
        main(["train", "--data", "nosuch.csv", "--out", "x"])
    assert "Error: `--data` should be 'synthetic'" in capfd.readouterr().err
    assert _in_options("`epochs` and `nothing`", ["train"]) == "`--epochs` and `nothing`"
    assert (
        _in_options("`keep_missing` or `missing`", ["train"]) == "`--keep-missing` or `--missing`"
    )
    assert _in_options("`share` or `id_table`", ["train"]) == "`--id-share` or `--id-table`"
    assert _in_options('index="ivf" and x="y"', ["export"]) == '--index ivf and x="y"'
    differs = "differs: `minimum_rating` was not given and is 3, `data_sha256` was a and is b"
    assert _in_options(differs, ["train"]) == differs.replace(
        "`minimum_rating`", "`--minimum-rating`"
    )
    assert _in_options("Error: `path` should", ["train"]) == "Error: The path should"
    assert _in_options("`epochs`", ["doctor"]) == _in_options("`epochs`", []) == "`epochs`"
    for command in (["data", "info", "events.csv"], ["data", "convert", "events.csv"], ["attack"]):
        assert _in_options("by `keep_missing` or `missing`", command) == (
            "by `--keep-missing` or `--missing`"
        )
        assert _in_options('the order of the file (ties="file")', command) == (
            "the order of the file (advrec train --ties file)"
        )
    assert _in_options('the file (ties="file")', ["train"]) == "the file (--ties file)"
    assert _in_options("`missing`", ["data", "list"]) == _in_options("`missing`", ["data"])


@pytest.mark.parametrize(
    "command", ["train", "compare", "tune", "ranking", "gan", "text", "table", "attack"]
)
def test_a_place_that_cannot_be_is_refused_before_the_data_are_read(
    command, tmp_path, monkeypatch, capfd
):
    def unread(*_, **__):
        raise AssertionError("the data were read")

    for source in ("InteractionSource", "Source"):
        for name in ("load", "shard_columns"):
            monkeypatch.setattr(f"advrec_tf.commands.sources.{source}.{name}", unread)
    monkeypatch.setattr("advrec_tf.commands.table_formats.TableColumns.read", unread)
    monkeypatch.setattr("advrec_tf.pipelines.attack.job.load_setting", unread)
    data, held, alone = tmp_path / "events.csv", tmp_path / "held", tmp_path / "alone"
    data.write_text("user_id,item_id\n1,2\n")
    for folder in (held, alone / "stages"):
        folder.mkdir(parents=True)
    (held / "run.json").write_text("{}")
    (alone / "stages" / "first.npz").write_text("")
    words = [command, "--data", str(data)]
    words += ["--model", "none"] if command == "text" else []
    words += ["--item-table", str(data), "--item-table-text", "t"] if command == "text" else []
    for out, said in (
        (data, "which is a file"),
        (held, "holds a run already. Continue it with --resume"),
        (alone, "holds a run already. Continue it with --resume"),
    ):
        with pytest.raises(SystemExit):
            main([*words, "--out", str(out)])
        assert said in capfd.readouterr().err
    with pytest.raises(AssertionError, match="the data were read"):
        main([*words, "--out", str(tmp_path / "new")])


def test_a_missing_column_says_how_columns_are_named(tmp_path, capfd):
    data = tmp_path / "events.csv"
    data.write_text("Customer e-mail,item_id\n1,2\n")
    asked = ["train", "--data", str(data), "--out", str(tmp_path / "x")]
    with pytest.raises(SystemExit):
        main([*asked, "--user-column", "Customer email"])
    said = capfd.readouterr().err
    assert "Did you mean 'Customer e-mail'?" in said and "--user-column" in said
