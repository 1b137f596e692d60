"""Arguments that studies share: data, settings, run folder.

The commands of the package have theirs in `advrec_tf.commands.sources`.

Importing it is quick: no TensorFlow, so `--help` and mistakes in arguments answer at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import typing
from pathlib import Path

from advrec_tf.commands.sources import Source
from advrec_tf.commands.table_formats import TableFormat
from advrec_tf.pipelines.ending import hold
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from experiments.harness.settings_help import descriptions, help_of

_TABLE = [field.name for field in dataclasses.fields(TableFormat)]
_SOURCE = [field.name for field in dataclasses.fields(Source) if field.name != "table"]


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """`--data` and the names of the columns of a table file."""
    parser.add_argument(
        "--data",
        required=True,
        help="A CSV or TSV file (plain or .gz), a Parquet file, a MovieLens folder, or the word "
        "synthetic.",
    )
    group = add_table_arguments(parser)
    group.add_argument(
        "--item-text-column", help="The column of a title or description of the item."
    )
    group.add_argument(
        "--user-table",
        type=Path,
        help="A CSV, TSV or Parquet file with a line for each user: all its columns are features, "
        "which the ranking tower uses, and with --use-features the two-tower model.",
    )
    group.add_argument(
        "--user-table-id",
        help="The column of the user ids in --user-table, by default called as in the "
        "interactions.",
    )
    group.add_argument(
        "--item-table",
        type=Path,
        help="The same of items: all its columns are features, and the one that --item-table-text "
        "names holds the titles. MovieLens' movies.dat, or a JSON object of titles by id, holds "
        "titles alone.",
    )
    group.add_argument(
        "--item-table-id",
        help="The column of the item ids in --item-table, by default called as in the "
        "interactions.",
    )
    group.add_argument("--item-table-text", help="The column of the titles in --item-table.")
    group.add_argument(
        "--context-column",
        nargs="+",
        metavar="COLUMN",
        help="The columns that describe an interaction itself, such as its hour and its device. "
        "The ranking tower uses them.",
    )
    group.add_argument(
        "--column-kind",
        nargs="+",
        metavar="COLUMN=KIND",
        help="The kind of a column of users, items or the context that is not what it looks like: "
        "category, id, number, time, text, sequence or vector. An hour is hour=category.",
    )


def add_table_arguments(parser: argparse.ArgumentParser):
    """How a table file is to be read; returns their group. See `table_columns`."""
    group = parser.add_argument_group("columns of a table file")
    group.add_argument("--user-column", help="The column of the user ids. The default is user_id.")
    group.add_argument("--item-column", help="The column of the item ids. The default is item_id.")
    group.add_argument(
        "--rating-column", help="The column of the ratings. By default no ratings are read."
    )
    group.add_argument(
        "--time-column",
        help="The column of the times, as numbers or ISO dates. By default no times are read.",
    )
    group.add_argument(
        "--column-names",
        nargs="+",
        help="The names of all columns, for a file without a header line.",
    )
    group.add_argument(
        "--unrated",
        type=float,
        metavar="RATING",
        help="The rating that means that there is none, such as 0.",
    )
    add_format_arguments(group)
    return group


def add_format_arguments(group, more_marks: str = "") -> None:
    """How the text of a table file is to be read; `more_marks` end the sentence on `--missing`."""
    group.add_argument(
        "--separator",
        help="The separator. By default a tab, comma, semicolon or bar, as the header has it.",
    )
    group.add_argument(
        "--encoding",
        help="The encoding of the file. By default its byte order mark decides, else utf-8.",
    )
    group.add_argument(
        "--missing",
        nargs="+",
        metavar="MARK",
        help="What means a missing value, beside the empty field. By default NaN, nan, NULL, null, "
        f"None, NA, N/A and <NA>{more_marks}.",
    )
    group.add_argument(
        "--keep-missing",
        action="store_const",
        const=True,
        help="Read ids and texts that look like a missing value, such as null, as they stand.",
    )
    group.add_argument(
        "--escape",
        metavar="CHARACTER",
        help="The character before a quote that is part of a quoted field, such as a backslash. By "
        "default such quotes are doubled.",
    )
    group.add_argument(
        "--max-text",
        type=int,
        metavar="CHARACTERS",
        help="The largest number of characters in one field. The default is 131072.",
    )


def table_columns(args: argparse.Namespace) -> dict:
    """Those of `add_table_arguments` that are given, as keywords of `data.readers.loading.load`."""
    return {name: v for name in _TABLE if (v := getattr(args, name, None)) is not None}


def load_from(args: argparse.Namespace):
    """The `Loaded` that the arguments ask for, see `commands.sources.Source`."""
    given = {name: getattr(args, name) for name in _SOURCE if getattr(args, name, None) is not None}
    table = table_columns(args)
    for name in ("column_names", "missing"):
        if name in table:
            table[name] = tuple(table[name])
    return Source(**given, table=TableFormat(**table)).load(seed=args.seed)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """`--run-dir` and `--resume`."""
    parser.add_argument(
        "--run-dir",
        type=Path,
        required=True,
        help="The folder for the report, the plots and TensorBoard.",
    )
    parser.add_argument("--resume", action="store_true", help="Continue the run in --run-dir.")


def note_resume(args: argparse.Namespace) -> None:
    """Say so where there is nothing to resume: the folder may be misspelt."""
    from advrec_tf.pipelines.stages import nothing_to_resume

    if args.resume and (said := nothing_to_resume(args.run_dir)):
        print(said)


def hold_run_dir(args: argparse.Namespace) -> None:
    """From now on until the command ends --run-dir is its alone; see `ending.hold`."""
    hold(args.run_dir, resume=args.resume)


def open_store(args: argparse.Namespace, identity: dict):
    """The `StageStore` of --run-dir, which is this command's alone until it ends."""
    from advrec_tf.pipelines.stages import StageStore

    hold_run_dir(args)
    return StageStore(args.run_dir, identity, resume=args.resume)


def run_parser(description: str, settings: type = RecommenderSettings) -> argparse.ArgumentParser:
    """The parser of a script that runs a job: data, run folder, the fields of its settings."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_arguments(parser)
    add_run_arguments(parser)
    add_settings_arguments(parser, settings)
    return parser


def require_counts(parser: argparse.ArgumentParser, args: argparse.Namespace, *names: str) -> None:
    """End with the parser's error unless each of the arguments that is given is >= 1."""
    for name in names:
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} should be >= 1. Received: {value}.")


def add_settings_arguments(
    parser: argparse.ArgumentParser, settings: type = RecommenderSettings
) -> None:
    """One argument per field of the settings, a dataclass; a tuple takes several values."""
    hints, described = typing.get_type_hints(settings), descriptions(settings)
    several = any(typing.get_origin(hint) is tuple for hint in hints.values())
    title = "settings (of several values, validation chooses one)" if several else "settings"
    group = parser.add_argument_group(title)
    for field in dataclasses.fields(settings):
        kind = hints[field.name]
        name = f"--{field.name.replace('_', '-')}"
        if kind is bool:
            group.add_argument(
                name,
                action=argparse.BooleanOptionalAction,
                default=None,
                help=help_of(described[field.name], "on" if field.default else "off"),
            )
            continue
        several = typing.get_origin(kind) is tuple
        options = [a for a in typing.get_args(kind) if a not in (type(None), Ellipsis)]
        # A word that a Literal does not take is named by the settings themselves.
        words = typing.get_origin(kind) is typing.Literal
        group.add_argument(
            name,
            type=str if words else options[0] if options else kind,
            nargs="+" if several else None,
            default=None,
            metavar="VALUE",
            help=help_of(described[field.name], _shown(field.default)),
        )


def _shown(value) -> str:
    if value is None:
        return "none"
    return " ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)


def settings_from(args: argparse.Namespace, kind: type = RecommenderSettings):
    """The settings given, the rest by default; mistakes raise, see `guarded`."""
    given = {}
    for field in dataclasses.fields(kind):
        value = getattr(args, field.name)
        if value is not None:
            given[field.name] = tuple(value) if isinstance(value, list) else value
    settings = kind(**given)
    args.seed = settings.seed
    return settings
