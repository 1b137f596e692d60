import argparse

import pytest

from experiments.harness import command


def parsed(options, *words):
    parser = argparse.ArgumentParser()
    command.add_options(parser, options)
    return parser.parse_args(words), parser.format_help()


def test_the_default_says_what_an_option_takes_and_the_help_states_it():
    options = {
        "seeds": (3, "Halvings of the users."),
        "data_sets": (["a", "b"], "The sets."),
        "only": (None, "The entries.", {"nargs": "+"}),
        "encoder": ("minilm", "The model."),
    }
    args, text = parsed(options)
    assert vars(args) == {"seeds": 3, "data_sets": ["a", "b"], "only": None, "encoder": "minilm"}
    assert "Halvings of the users. Default: 3." in text and "The sets. Default: a b." in text
    assert "Default: None" not in text
    args, _ = parsed(options, "--seeds", "2", "--data-sets", "--only", "x", "y")
    assert (args.seeds, args.data_sets, args.only) == (2, [], ["x", "y"])


def test_a_count_below_one_is_refused(capsys):
    with pytest.raises(SystemExit):
        parsed({"seeds": (3, "Halvings.")}, "--seeds", "0")
    assert "argument --seeds: should be >= 1. Received: 0." in capsys.readouterr().err


def page(report, path):
    return f"{report['command']}: {report['value']} {path.stem}"


@pytest.mark.parametrize(
    ("folders", "written"),
    [
        ({"run_dir": "run", "out": "results"}, ["results", "run"]),
        ({"run_dir": "run", "out": None}, ["run"]),
        ({"out": None}, []),
    ],
)
def test_a_report_goes_where_it_was_asked_for_and_its_page_is_shown(
    folders, written, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "command_line", lambda: "python it")
    given = {name: folder and tmp_path / folder for name, folder in folders.items()}
    command.publish(argparse.Namespace(**given), {"value": 3}, page, "stem")
    assert "python it: 3 stem" in capsys.readouterr().out
    assert sorted(path.parent.name for path in tmp_path.rglob("stem.json")) == written


def test_the_name_of_the_data_is_given_or_that_of_its_file():
    args = argparse.Namespace(name=None, data="folder/events.csv.gz")
    assert command.name_of(args) == "events"
    args.name = "mine"
    assert command.name_of(args) == "mine"
