"""Reports of studies: JSON files, and the pages made from them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path

Page = Callable[[dict, Path], str]
"""(report, file of the page) -> Markdown."""


def read(path: Path) -> dict:
    """A report.

    Raises:
        FileNotFoundError, ValueError: if the file is absent or no JSON object.
    """
    try:
        report = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} should be a report in JSON. Received: {error}.") from None
    if not isinstance(report, dict):
        raise ValueError(
            f"{path} should be a report, an object. Received: {type(report).__name__}."
        )
    return report


def write(report: dict, page: Page, folders: Iterable[Path], stem: str) -> str:
    """STEM.json and STEM.md in every folder; returns the text of the last page."""
    text = ""
    for folder in dict.fromkeys(map(Path, folders)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.json").write_text(json.dumps(report, indent=2) + "\n")
        text = page(report, folder / f"{stem}.md")
        (folder / f"{stem}.md").write_text(text)
    return text


def images_of(page: Path) -> str:
    """How the address of a page's plots begins: in the run folder, or beside the results."""
    return "plots/" if (page.parent / "run.json").exists() else f"../images/{page.stem}-"


class Render(argparse.Action):
    """`--render JSON ...`: writes the pages of earlier reports and ends the command, as --help."""

    def __init__(self, *args, page: Page, **kwargs):
        super().__init__(*args, **kwargs)
        self._page = page

    def __call__(self, parser, namespace, values, option_string=None):
        for path in map(Path, values):
            path.with_suffix(".md").write_text(self._page(read(path), path.with_suffix(".md")))
            print(f"Wrote {path.with_suffix('.md')}.")
        parser.exit()
