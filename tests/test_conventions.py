"""Conventions that hold over the whole repository, read from its source."""

import argparse
import ast
import importlib
import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = [
    *sorted((ROOT / "scripts").glob("*.py")),
    *sorted((ROOT / "experiments").glob("**/__main__.py")),
]
MODULES = [
    path for path in sorted((ROOT / "advrec_tf").rglob("*.py")) if not path.name.startswith("_")
]


def is_sentence(text):
    return bool(re.match(r"[A-Z`\"'(]", text)) and text.rstrip().endswith((".", ")"))


class Stopped(Exception):
    pass


def help_texts(path, monkeypatch):
    """(option, help text) of every argument that a command defines."""
    found = []

    def stop(parser, *_, **__):
        found.extend((action.dest, action.help) for action in parser._actions)
        raise Stopped

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", stop)
    spec = importlib.util.spec_from_file_location(f"command_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "parse_args"):
        return []
    with pytest.raises(Stopped):
        module.parse_args([])
    return found


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_help_text_is_a_whole_sentence(path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(path)])
    texts = [(name, text) for name, text in help_texts(path, monkeypatch) if name != "help"]
    wrong = [(name, text) for name, text in texts if not text or not is_sentence(text)]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The seed of everything that is drawn.", True),
        ("of the towers, at most.", False),
        ("theirs", False),
        ("Show the list", False),
    ],
)
def test_the_sentence_check_finds_what_it_is_for(text, whole):
    assert is_sentence(text) == whole


def constructor_arguments(tree):
    """(class, number of arguments of its constructor) of every class that is no record."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    arguments = method.args
                    number = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
                    yield node.name, number - 1


def test_no_class_has_more_than_eight_constructor_arguments():
    crowded = [
        f"{path.relative_to(ROOT)}: {name} has {number}"
        for path in MODULES
        for name, number in constructor_arguments(ast.parse(path.read_text(encoding="utf-8")))
        if number > 8
    ]
    assert crowded == []


def test_the_argument_count_leaves_out_self():
    tree = ast.parse("class A:\n    def __init__(self, a, b, *, c, **more): ...")
    assert list(constructor_arguments(tree)) == [("A", 3)]


def defines_behavior(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(n, (ast.FunctionDef, ast.ClassDef)) for n in tree.body)


def test_nearly_every_module_has_a_test_of_the_same_name():
    missing = []
    for path in MODULES:
        place = path.relative_to(ROOT / "advrec_tf")
        if (
            defines_behavior(path)
            and not (ROOT / "tests" / place.parent / f"test_{place.name}").exists()
        ):
            missing.append(str(place))
    assert len(missing) < 20, missing


PRIVATE_WORDS = re.compile(
    r"(?<![a-z])(twins?|arenas?|contenders?|contest|players?|plain_recall|text_noise"
    r"|language_synonyms)(?![a-z])",
    re.IGNORECASE,
)
NO_ROWS = (
    *("tabular/fidelity.py", "tabular/disclosure.py", "text/robustness.py", "data/sequences.py"),
    *("data/augmentation.py", "data/augmentation_controls.py", "data/filters.py"),
    *("data/synthetic.py", "data/splits.py"),
)
"""Modules that say records, interactions, sequences or index where each was once a row."""


def test_the_words_of_the_first_version_are_gone():
    files = [
        *(ROOT / "advrec_tf").rglob("*.py"),
        *(ROOT / "experiments").rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:80]}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if PRIVATE_WORDS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("place", NO_ROWS)
def test_what_is_no_line_of_a_table_is_not_called_a_row(place):
    text = (ROOT / "advrec_tf" / place).read_text(encoding="utf-8")
    assert re.findall(r".*(?<![\w])[Rr]ows?(?![\w]).*", text) == []


@pytest.mark.parametrize("folder", ["gan", "attacks", "tabular", "text", "models", "knowledge"])
def test_random_streams_of_a_batch_have_names(folder):
    found = [
        f"{path.name}: {line.strip()}"
        for path in (ROOT / "advrec_tf" / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"seed(\"\])? \+ (\[|tf\.)", line)
    ]
    assert found == []


def leads_somewhere(name):
    """Whether a dotted name below the package begins with a module, or ends in a public name."""
    place = ROOT / "advrec_tf"
    for part in name.split("."):
        if (place / f"{part}.py").exists():
            return True
        if not (place / part).is_dir():
            return f'"{part}"' in (place / "__init__.py").read_text(encoding="utf-8")
        place /= part
    return True


def test_plots_leave_the_backend_of_a_notebook_as_it_is():
    # the figure of `ops.figures` is drawn without pyplot, which chooses a backend for the process
    for folder in ("advrec_tf", "experiments", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            assert "import pyplot" not in text and "matplotlib.pyplot" not in text, path
            assert not re.search(r"matplotlib\.use\(|switch_backend", text), path


def test_modules_that_the_prose_names_exist():
    folders = {path.name for path in (ROOT / "advrec_tf").iterdir() if path.is_dir()}
    files = [*(ROOT / "advrec_tf").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)[`(]", path.read_text(encoding="utf-8"))
        if name.split(".")[0] in folders and not leads_somewhere(name)
    ]
    assert missing == []


def test_an_addition_touches_at_most_three_files_and_each_of_them_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| an? .* \|$", text.split("What to touch")[1], re.MULTILINE)
    assert len(rows) >= 9
    for row in rows:
        files = re.findall(r"`([\w/]+\.py)`", row)
        assert 1 <= len(files) + row.count("its test") <= 3, row
        for name in (name for name in files if "NAME" not in name):
            assert (ROOT / "advrec_tf" / name).exists() or (ROOT / name).exists(), row


def places_that_list(names, folder):
    """Files below `folder` in which more than half of the names stand as strings."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        strings = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if 2 * len(strings & set(names)) > len(names):
            found.append(path.relative_to(ROOT / folder).as_posix())
    return found


@pytest.mark.parametrize(
    ("what", "table", "allowed"),
    [
        ("an attack", ("attacks.registry", "ATTACKS"), {"attacks/registry.py"}),
        ("a detector", ("defence.registry", "DETECTORS"), {"defence/registry.py"}),
        ("a defence", ("defence.registry", "DEFENCES"), {"defence/registry.py"}),
        (
            "a GAN loss",
            ("gan.losses", "GAN_LOSSES"),
            {"gan/losses.py", "pipelines/recommend/settings.py"},
        ),
    ],
)
def test_what_there_is_of_a_kind_is_listed_in_one_place(what, table, allowed):
    module, name = table
    names = getattr(importlib.import_module(f"advrec_tf.{module}"), name)
    assert len(names) >= 4
    assert set(places_that_list(names, "advrec_tf")) <= allowed, what
