"""Reports of studies: JSON files, the pages made from them, and the arguments all studies share."""

from __future__ import annotations

import argparse
import json
import shutil
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


def copy_plots(plots: Iterable[Path], out: Path, stem: str) -> None:
    """Plots of a run into the images beside the folder of pages, as STEM-NAME.png."""
    images = out.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    for path in plots:
        shutil.copyfile(path, images / f"{stem}-{path.name}")


def images_of(page: Path) -> str:
    """How the address of a page's plots begins: in the run folder, or beside the results."""
    return "plots/" if (page.parent / "plots").is_dir() else f"../images/{page.stem}-"


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


def add_arguments(parser: argparse.ArgumentParser, page: Page, *, seeds: int | None = 5) -> None:
    """`--seeds` (unless None), `--out`, `--name` and `--render`, the same for every study."""
    group = parser.add_argument_group("the report")
    if seeds is not None:
        group.add_argument(
            "--seeds",
            type=int,
            default=seeds,
            help=f"Every entry is trained with so many seeds; default: {seeds}.",
        )
    group.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="The page and the report are written into this folder as well as into --run-dir.",
    )
    group.add_argument(
        "--name",
        help="The name of the data in titles and file names; default: the name of --data.",
    )
    add_render(group, page)


def add_render(group, page: Page) -> None:
    """`--render` alone."""
    group.add_argument(
        "--render",
        action=Render,
        page=page,
        nargs="+",
        metavar="JSON",
        help="This writes the pages of earlier reports again, beside them, without training.",
    )
