"""What a settings record says of its fields, for `--help`: one text, in one place."""

from __future__ import annotations

import dataclasses
import inspect
import re

_ENTRY = re.compile(r"^    ([a-z0-9_]+(?:, [a-z0-9_]+)*): (.*)$")


def descriptions(settings: type) -> dict[str, str]:
    """Field -> its text in the "Attributes:" of a dataclass's docstring, "" where there is none.

    An entry is indented once and may name several fields ("epochs, patience: ..."); its further
    lines are indented twice.
    """
    found = dict.fromkeys((field.name for field in dataclasses.fields(settings)), "")
    names: list[str] = []
    inside = False
    for line in inspect.cleandoc(settings.__doc__ or "").splitlines():
        if line == "Attributes:":
            inside = True
        elif inside and (entry := _ENTRY.match(line)):
            names = entry[1].split(", ")
            found |= dict.fromkeys(names, entry[2])
        elif inside and line.startswith(" " * 8):
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
        elif line and not line.startswith(" "):
            inside = False
    return found


def help_of(description: str, default: str) -> str:
    """The line of an argument; percent signs are argparse's own."""
    text = f"{description.rstrip('.')}; " * bool(description) + f"default: {default}"
    return text.replace("%", "%%")
