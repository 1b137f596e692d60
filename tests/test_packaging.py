"""The files at the root agree with each other, and the scripts refuse what they should."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from advrec_tf._version import __version__

ROOT = Path(__file__).parents[1]
SCRIPTS = [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"]
# The requirements that depend on the full `tensorflow` package.
ON_TENSORFLOW = {"tf-keras", "tensorflow-recommenders"}


def requirements(text):
    """Lines of requirements -> {name: the specifier's parts}."""
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    parsed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {r.name: {str(part) for part in r.specifier} for r in parsed}


@pytest.fixture
def declared():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def test_cpu_requirements_are_those_of_setup_cfg(declared):
    expected = requirements(declared["options"]["install_requires"])
    expected["tensorflow-cpu"] = expected.pop("tensorflow")
    plain = requirements((ROOT / "requirements-cpu.txt").read_text())
    nodeps = requirements((ROOT / "requirements-cpu-nodeps.txt").read_text())
    assert set(nodeps) == ON_TENSORFLOW
    assert not set(plain) & set(nodeps)
    assert plain | nodeps == expected


def test_companions_of_tensorflow_span_its_versions(declared):
    base = requirements(declared["options"]["install_requires"])
    text = requirements(declared["options.extras_require"]["text"])
    assert base["tf-keras"] == base["tensorboard"] == base["tensorflow"]
    assert text["tensorflow-text"] == base["tensorflow"]


def test_the_license_is_apache_2(declared):
    assert declared["metadata"]["license"] == "Apache-2.0"
    text = (ROOT / declared["metadata"]["license_files"]).read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_citation_names_the_version_and_the_license(declared):
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    assert f"version: {__version__}" in lines
    assert f"license: {declared['metadata']['license']}" in lines


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_stop_at_errors_and_are_executable(script):
    subprocess.run(["bash", "-n", script], check=True)
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert os.access(script, os.X_OK)


def test_continuous_integration_checks_the_wheel_tests_and_builds_the_site():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    scripts = ("check_wheel", "test", "docs")
    assert lines[-3:] == [f"bash scripts/{name}.sh" for name in scripts]


@pytest.fixture
def copy(tmp_path):
    """The files that install.sh reads, in a folder with a space in its name."""
    root = tmp_path / "a copy"
    (root / "scripts").mkdir(parents=True)
    for name in (
        "scripts/install.sh",
        "setup.cfg",
        "pyproject.toml",
        "requirements-cpu.txt",
        "requirements-cpu-nodeps.txt",
    ):
        (root / name).write_bytes((ROOT / name).read_bytes())
    return root


def install(root, *args, **environment):
    return subprocess.run(
        ["bash", root / "scripts" / "install.sh", *args],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_install_refuses_an_old_python_and_says_which(copy):
    old = copy / "old python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.8.1 && exit\nexit 1\n')
    old.chmod(0o755)
    result = install(copy, PYTHON=str(old))
    assert result.returncode == 1
    assert "Python 3.10 to 3.13 is needed" in result.stderr
    assert "Python 3.8.1" in result.stderr
    assert not (copy / ".venv").exists()


def test_install_refuses_a_missing_python_and_an_unknown_argument(copy):
    assert "no interpreter 'nopython'" in install(copy, PYTHON="nopython").stderr
    assert "unknown argument '--fast'" in install(copy, "--fast").stderr
    assert "--extras needs a value" in install(copy, "--extras").stderr


def fake_venv(root, log):
    """A .venv whose Python writes down its calls of pip and passes on all others."""
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/usr/bin/env bash\n"
        f'if [ "$1" = -m ] && [ "$2" = pip ]; then echo "$@" >>"{log}"; exit 0; fi\n'
        'case "${2:-}" in *m.version*) [ $# -lt 3 ] && echo 2.21; exit $(($# > 2)) ;; esac\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)


def test_install_keeps_the_full_tensorflow_out_and_does_nothing_the_second_time(copy, declared):
    log = copy / "calls of pip"
    dev = " ".join(declared["options.extras_require"]["dev"].split())
    fake_venv(copy, log)
    result = install(copy, "--extras", "dev")
    assert result.returncode == 0, result.stderr
    calls = log.read_text().splitlines()
    assert [call.split(" -qq ")[-1] for call in calls] == [
        "--no-warn-conflicts -r requirements-cpu.txt",
        "--no-warn-conflicts --no-deps -c .venv/advrec-constraints.txt "
        "-r requirements-cpu-nodeps.txt",
        f"--no-warn-conflicts {dev}",
        "--no-warn-conflicts --no-deps -e .",
    ]
    assert (copy / ".venv" / "advrec-constraints.txt").read_text().splitlines() == [
        "tf-keras==2.21.*",
        "tensorflow-text==2.21.*",
    ]
    # Nothing more: not without the extra, which stays, nor with it.
    for args in ((), ("--extras", "dev")):
        assert "up to date (cpu, extras dev)" in install(copy, *args).stdout
    assert log.read_text().splitlines() == calls
    # A changed requirement is noticed.
    with (copy / "requirements-cpu.txt").open("a") as file:
        file.write("# changed\n")
    assert "done" in install(copy).stdout
    assert len(log.read_text().splitlines()) == 2 * len(calls)


def test_install_refuses_an_extra_that_setup_cfg_lacks(copy):
    fake_venv(copy, copy / "log")
    result = install(copy, "--extras", "dev,fun")
    assert result.returncode == 1
    assert "no extra ['fun']" in result.stderr
    assert not (copy / "log").exists()


def test_install_gpu_leaves_the_choice_to_the_resolver(copy):
    log = copy / "log"
    fake_venv(copy, log)
    assert install(copy, "--gpu", "--extras=text").returncode == 0
    assert [call.split(" -qq ")[-1] for call in log.read_text().splitlines()] == [
        "--no-warn-conflicts -e .[text] tensorflow[and-cuda]"
    ]
