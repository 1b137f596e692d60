"""What validation chose for the models of a table, and the settings file that keeps it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from advrec_tf.ops.files import atomic_bytes


@dataclasses.dataclass(frozen=True)
class Choice:
    """What validation chose for a model.

    Attributes:
        settings: a point of its space.
        epochs: the best epoch.
        validation: the metric there; None where nothing was trained.
        trials: how many points were tried, pruned ones included.
    """

    settings: Mapping[str, object]
    epochs: int
    validation: float | None = None
    trials: int = 1

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


def read_choices(path: Path) -> dict[str, Choice]:
    """label -> choice, as `write_choices` wrote them; {} where there is no file.

    Raises:
        ValueError: if the file holds something else.
    """
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text())["choices"]
        return {label: Choice(**record) for label, record in stored.items()}
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} should hold the choices of a search, with settings, epochs, validation and "
            f"trials of each. Received: {type(error).__name__}: {error}."
        ) from None


def write_choices(path: Path, chosen: Mapping[str, Choice]) -> None:
    """Replace the settings file."""
    record = {"choices": {label: choice.as_dict() for label, choice in chosen.items()}}
    atomic_bytes(path, json.dumps(record, indent=2) + "\n", overwrite=True)
