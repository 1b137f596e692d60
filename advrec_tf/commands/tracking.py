"""`--mlflow`: settings, figures and files of any command as a run of MLflow (the extra `mlflow`).

What a command writes into its folder is what is logged, so that no job knows of MLflow; it is
imported when it is asked for alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from advrec_tf.commands import workers
from advrec_tf.commands.configuration import given

OPTION = "--mlflow"
VARIABLE = "MLFLOW_TRACKING_URI"
EXPERIMENT = "advrec"
LARGEST = 20_000_000
"""Larger files, in bytes, stay in the folder of the run alone."""

_REPORTS = ("report.json", "audit.json", "quality.json")
_FILES = ("*.json", "*.md", "*.html", "*.csv", "*.log", "*.png", "plots/*.png")
_AT_ONCE = 100  # parameters and metrics that MLflow takes in one request


def split(tokens: Sequence[str]) -> tuple[list[str], str | None]:
    """(the words without `--mlflow [URI]`, the address of the tracking server or store, or None).

    Raises:
        ValueError: if the option is given twice, or without an address where none is in the
            environment.
    """
    words = list(tokens)
    places = [at for at, word in enumerate(words) if word.partition("=")[0] == OPTION]
    if not places:
        return words, None
    if len(places) > 1:
        raise ValueError(f"`{OPTION}` should be given once.")
    at = places[0]
    _, given_beside, found = words[at].partition("=")
    following = words[at + 1 : at + 2]
    if not given_beside and following and not following[0].startswith("--"):
        found, words[at : at + 2] = following[0], []
    else:
        found, words[at : at + 1] = found or os.environ.get(VARIABLE, ""), []
    if not found:
        raise ValueError(
            f"`{OPTION}` should name a tracking server or store, as in {OPTION} http://host:5000, "
            f"or the environment variable {VARIABLE} should. Received neither."
        )
    return words, found


@contextlib.contextmanager
def tracked(command: str, arguments: Mapping, uri: str | None) -> Iterator[None]:
    """The block as a run of MLflow; nothing where `uri` is None, or another worker writes.

    Args:
        command: the name of the run.
        arguments: name -> value of what the command is called with, records among them; one of
            them is `out`, or holds it.
        uri: of the tracking server or store.

    Raises:
        ImportError: if MLflow is not installed.
        ValueError: if the command has no `--out`, or MLflow cannot use the address.
    """
    if uri is None or not workers.writes(arguments):
        yield
        return
    records = [value for value in arguments.values() if dataclasses.is_dataclass(value)]
    options = given(*records) | {
        name: value
        for name, value in arguments.items()
        if not dataclasses.is_dataclass(value) and value not in (None, (), False)
    }
    if options.get("out") is None:
        raise ValueError(f"`{OPTION}` should be given to a command with a folder, --out.")
    mlflow = _mlflow()
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(EXPERIMENT)
    except Exception as error:  # each kind of store has errors of its own
        raise ValueError(f"MLflow cannot use {uri}: {error}") from error
    with mlflow.start_run(run_name=f"{command} {options['out']}"):
        mlflow.set_tag("command", f"advrec {command}")
        _in_parts(mlflow.log_params, {_key(k): str(v)[:500] for k, v in options.items()})
        try:
            yield
        finally:  # what a run that failed has written helps to see why
            _log_folder(mlflow, Path(options["out"]))


def figures(report: object, name: str = "") -> dict[str, float]:
    """Every finite number in a report, by its path: {"models/tower/ndcg_at_10": 0.11}."""
    if isinstance(report, bool):
        return {}
    if isinstance(report, (int, float)):
        return {_key(name): float(report)} if math.isfinite(report) else {}
    if not isinstance(report, Mapping):
        return {}
    found: dict[str, float] = {}
    for key, value in report.items():
        found |= figures(value, f"{name}/{key}" if name else str(key))
    return found


def _log_folder(mlflow, folder: Path) -> None:
    if not folder.is_dir():
        return
    for name in _REPORTS:
        if (folder / name).is_file():
            report = json.loads((folder / name).read_text(encoding="utf-8"))
            shown = ("models", "cold_start", "passed_share", "export", "figures", "scores")
            part = {key: report[key] for key in shown if key in report}
            _in_parts(mlflow.log_metrics, figures(part or report))
    for pattern in _FILES:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and path.stat().st_size <= LARGEST:
                below = path.parent.relative_to(folder).as_posix()
                mlflow.log_artifact(str(path), None if below == "." else below)


def _in_parts(log, values: dict) -> None:
    names = list(values)
    for start in range(0, len(names), _AT_ONCE):
        log({name: values[name] for name in names[start : start + _AT_ONCE]})


def _key(name: str) -> str:
    """A name that MLflow takes: letters, digits, and _ - . / and blanks."""
    return re.sub(r"[^\w\-. /]", "-", str(name).replace("@", "_at_"))


def _mlflow():
    try:
        import mlflow
    except ImportError as error:
        raise ImportError(
            f"`{OPTION}` needs MLflow: pip install mlflow-skinny (the extra `mlflow`)."
        ) from error
    return mlflow
