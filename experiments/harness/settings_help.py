"""Help texts of arguments, taken from the docstring of the settings they set."""

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
    """The help text of an argument in whole sentences; argparse wants percent signs doubled."""
    text = f"{description.rstrip('.')}. " * bool(description) + f"The default is {default}."
    return text.replace("%", "%%")
