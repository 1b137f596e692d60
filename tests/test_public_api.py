"""The public names: each can be had, each stands on the API page, and none has two meanings."""

import importlib
import importlib.util
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import advrec_tf as ar

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location(
    "write_api_page", ROOT / "scripts" / "write_api_page.py"
)
api_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(api_page)
PACKAGES = ("advrec_tf", *(f"advrec_tf.{folder}" for folder in api_page.FOLDERS))


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_can_be_had(name):
    package = importlib.import_module(name)
    missing = [public for public in package.__all__ if not hasattr(package, public)]
    assert missing == []
    assert len(set(package.__all__)) == len(package.__all__)


def test_the_api_page_lists_the_public_names():
    """After a public name changes: python scripts/write_api_page.py"""
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == api_page.page()


def test_a_public_name_means_one_thing():
    meanings = defaultdict(set)
    for name in PACKAGES:
        package = importlib.import_module(name)
        for public in package.__all__:
            thing = getattr(package, public)
            meanings[public].add(id(thing))
    assert {public for public, things in meanings.items() if len(things) > 1} == set()


def test_a_public_function_does_not_have_the_name_of_its_module():
    # Once the module is imported it would take the place of the function.
    for name in PACKAGES:
        package = importlib.import_module(name)
        for public in package.__all__:
            thing = getattr(package, public)
            module = getattr(thing, "__module__", None)
            assert module != f"{name}.{public}", public


def test_importing_the_package_loads_little():
    # No timing assert on a busy machine: what costs time is what would be loaded.
    code = "import sys; n = len(sys.modules); import advrec_tf; print(len(sys.modules) - n)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(loaded.stdout) < 60


def test_the_first_page_runs_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = [line[4:] for line in ar.__doc__.splitlines() if line.startswith("    ")]
    code = "\n".join(code).replace("epochs=5", "epochs=1")
    exec(compile(code, "the first page", "exec"), {})
    assert list((tmp_path / "saved_models" / "mine").iterdir())
