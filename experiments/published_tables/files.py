"""What the runner reads and writes beside its stages: choices of a search, earlier reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from advrec_tf.ops.files import atomic_bytes
from experiments.published_tables.models import MODELS
from experiments.published_tables.tasks import Choice


def read_choices(path: Path) -> dict[str, Choice]:
    """label -> choice, as `write_choices` wrote them; {} where there is no file."""
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text())["choices"]
        return {
            label: Choice(*(record[n] for n in ("settings", "epochs", "validation", "trials")))
            for label, record in stored.items()
        }
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} should hold the choices of a search, with settings, epochs, validation and "
            f"trials of each. Received: {type(error).__name__}: {error}."
        ) from None


def write_choices(path: Path, chosen: Mapping[str, Choice]) -> None:
    """Replace the settings file; labels in the order of the models."""
    record = {
        "choices": {
            label: {
                "settings": dict(chosen[label].settings),
                "epochs": chosen[label].epochs,
                "validation": chosen[label].value,
                "trials": chosen[label].trials,
            }
            for label in MODELS
            if label in chosen
        },
    }
    atomic_bytes(path, json.dumps(record, indent=2) + "\n", overwrite=True)


def read_report(path: Path, table: str) -> dict:
    """A report as `scripts/reproduce.py` wrote it.

    Raises:
        FileNotFoundError, ValueError: if the file is absent, or no report of that table.
    """
    try:
        stored = json.loads(path.read_text())
        named = stored["table"], bool(stored["rows"])
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        named = type(error).__name__, error
    if named != (table, True):
        raise ValueError(f"{path} should be a report of {table} with rows. Received: {named}.")
    return stored
