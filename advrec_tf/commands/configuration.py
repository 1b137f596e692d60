"""`--config FILE`: the options of a command from a file, and the record that a run leaves.

The file is a JSON or TOML mapping of option names to values, or a record that holds such a
mapping as `options`, which the `run.json` of a run does.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cyclopts.config import Dict

OPTION = "--config"
OPTIONS = "options"
"""The part of a record of a run that holds its options, as `pipelines.stages` writes it."""
_OF_THE_MOMENT = ("resume", "quiet", "verbose")


def given(*records) -> dict:
    """The options that records of arguments hold apart from their defaults, nested ones too, as a
    file of options holds them; those that only say what is shown are left out."""
    found: dict = {}
    for record in records:
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            if dataclasses.is_dataclass(value):
                found |= given(value)
            elif value != field.default and field.name not in _OF_THE_MOMENT:
                found[field.name] = value
    return found


def words(options: Mapping) -> str:
    """Options as they are typed in a shell: `given` read back."""
    typed: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            typed.append(option)
        elif isinstance(value, (tuple, list)):
            typed += [option, *map(str, value)]
        else:
            typed += [option, str(value)]
    return shlex.join(typed)


def split(argv: Sequence[str]) -> tuple[list[str], tuple]:
    """(the arguments without `--config FILE`, what cyclopts reads the file's options from).

    Raises:
        ValueError: if the file is missing, unreadable or no mapping.
    """
    tokens, paths, words = [], [], iter(argv)
    for word in words:
        if word == OPTION:
            paths.append(next(words, None))
        elif word.startswith(f"{OPTION}="):
            paths.append(word.partition("=")[2])
        else:
            tokens.append(word)
    if not paths:
        return tokens, ()
    if len(paths) > 1 or not paths[0]:
        raise ValueError("`--config` should be given once, with a file.")
    options = read(paths[0])
    names = {name.replace("_", "-"): value for name, value in options.items()}

    def options_of_the_command(app, commands, arguments):
        nested = names  # below its command an option may be called as a command is, such as `data`
        for command in reversed(commands):
            nested = {command: nested}
        Dict(nested, source=str(paths[0]), root_keys=())(app, commands, arguments)

    return tokens, (options_of_the_command,)


def read(path: str | Path) -> Mapping:
    """The options in a file.

    Raises:
        ValueError: as `split`.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"`--config` should be a readable JSON or TOML file: {error}.") from None
    try:
        if path.suffix.lower() == ".toml":
            record = _toml(text)
        else:
            record = json.loads(text)
    except ValueError as error:
        raise ValueError(f"`--config {path}` should be JSON or TOML: {error}.") from None
    if isinstance(record, Mapping) and isinstance(record.get(OPTIONS), Mapping):
        record = record[OPTIONS]
    if not isinstance(record, Mapping):
        kind = type(record).__name__
        raise ValueError(f"`--config {path}` should hold a mapping of options. Received: {kind}.")
    return record


def _toml(text: str) -> Mapping:
    if sys.version_info < (3, 11):
        raise ValueError("TOML needs Python 3.11 or later; JSON does not")
    import tomllib

    return tomllib.loads(text)
