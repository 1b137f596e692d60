"""Commands of studies: the arguments they share, and reports written where they were asked for.

Importing it is quick: no TensorFlow, so `--help` and mistakes in arguments answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from advrec_tf.pipelines.ending import command_line
from experiments.harness import arguments, reports

OUT = "The page and the report are written into this folder as well as into --run-dir."
HERE = "The page and the report are written into this folder; by default the page is printed."


_FILE = {"metavar": "FILE"}
SIDE_FILES = {
    "item_text": (
        [],
        "The files hold texts of items: JSON {item id: text}, or movies.dat of MovieLens.",
        _FILE,
    ),
    "item_attributes": (
        None,
        "The file holds attributes of items: CSV or TSV with a column item_id, or movies.dat.",
        _FILE,
    ),
    "user_attributes": (
        None,
        "The file holds attributes of users: CSV or TSV with a column user_id, or users.dat.",
        _FILE,
    ),
    "knowledge_graph": (None, "The file holds facts, one a line: head, relation, tail.", _FILE),
    "knowledge_items": (
        None,
        "The file holds the entities of items, one pair a line: item, entity.",
        _FILE,
    ),
}
"""What studies read of items and users beside the interactions, see `add_options`."""


def parser_of(text: str) -> argparse.ArgumentParser:
    """A parser whose description keeps its lines."""
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def positive(text: str) -> int:
    """The type of an argument that counts things."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"should be >= 1. Received: {value}.")
    return value


def add_options(group, options: Mapping[str, tuple]) -> None:
    """Name -> (default, help text, further settings of `add_argument`), an argument each.

    A default that is a number makes a count, see `positive`; a list takes several values. The help
    text states the default where there is one.
    """
    for name, (default, text, *more) in options.items():
        settings: dict = {"default": default}
        if isinstance(default, list):
            settings |= {"nargs": "*", "metavar": "NAME"}
        elif isinstance(default, int):
            settings["type"] = positive
        if default not in (None, []):
            text += f" Default: {' '.join(default) if isinstance(default, list) else default}."
        for one in more:
            settings |= one
        group.add_argument(f"--{name.replace('_', '-')}", help=text, **settings)


def add_report(
    parser: argparse.ArgumentParser,
    page: reports.Page,
    *,
    seeds: int | None = None,
    name: bool = False,
    out: str = OUT,
):
    """`--out` and `--render` of every study and, where asked, `--seeds` and `--name`."""
    group = parser.add_argument_group("the report")
    if seeds is not None:
        add_options(group, {"seeds": (seeds, "Every entry is trained with so many seeds.")})
    group.add_argument("--out", type=Path, metavar="FOLDER", help=out)
    if name:
        group.add_argument(
            "--name",
            help="The name of the data in titles and file names; default: the name of --data.",
        )
    group.add_argument(
        "--render",
        action=reports.Render,
        page=page,
        nargs="+",
        metavar="JSON",
        help="This writes the pages of earlier reports again, beside them, without training.",
    )
    return group


def parse(
    text: str,
    argv: Sequence[str] | None,
    page: reports.Page,
    *groups: Mapping[str, tuple],
    data: bool = False,
    run: bool = True,
    **report,
) -> argparse.Namespace:
    """The arguments of a study that takes no others.

    Args:
        groups: options, see `add_options`.
        data, run: whether it reads interactions, and has a run folder.
        **report: as `add_report` takes them.
    """
    parser = parser_of(text)
    if data:
        arguments.add_data_arguments(parser)
    if run:
        arguments.add_run_arguments(parser)
    for options in groups:
        add_options(parser.add_argument_group("the study"), options)
    add_report(parser, page, **report)
    args = parser.parse_args(argv)
    if data:
        args.seed = 0  # of the synthetic data
    return args


def name_of(args: argparse.Namespace) -> str:
    """The name of the data, given or that of `--data`."""
    return args.name or Path(args.data).name.split(".")[0]


def publish(args: argparse.Namespace, report: dict, page: reports.Page, stem: str) -> None:
    """Write the report and its page into `--run-dir` and `--out`, and print the page."""
    report = {"command": command_line()} | report
    folders = [folder for folder in (getattr(args, "run_dir", None), args.out) if folder]
    text = reports.write(report, page, folders, stem)
    print("\n" + (text or page(report, Path(f"{stem}.md"))))
