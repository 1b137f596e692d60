"""Parts that the commands share: arguments of data and settings, the start and end of a run.

Importing it is quick: no TensorFlow, so `--help` and mistakes in arguments answer at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import textwrap
import typing
from pathlib import Path

from advrec_tf.ops.files import atomic_bytes, check_output
from advrec_tf.pipelines.ending import UNHEALTHY, command_line, hold
from advrec_tf.pipelines.ending import guarded as guarded  # the commands find it here
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.settings_help import descriptions, help_of

_COLUMNS = (
    "user_column",
    "item_column",
    "rating_column",
    "time_column",
    "item_text_column",
    "column_names",
    "separator",
    "encoding",
    "missing",
    "keep_missing",
    "unrated",
    "max_text",
    "escape",
    "context_columns",
)
INPUTS = ("data", "user_table", "item_table", "labels", "table", "model")
"""The arguments of the commands that name what is read: none of these is ever written to."""


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
        help="A CSV, TSV or Parquet file with a line for each user: all its columns are features, "
        "which the ranking tower uses, and with --use-features the two-tower model.",
    )
    group.add_argument(
        "--user-table-id",
        default="user_id",
        help="The column of the user ids in --user-table. The default is user_id.",
    )
    group.add_argument(
        "--item-table",
        help="The same of items: all its columns are features, and the one that --item-table-text "
        "names holds the titles. MovieLens' movies.dat, or a JSON object of titles by id, holds "
        "titles alone.",
    )
    group.add_argument(
        "--item-table-id",
        default="item_id",
        help="The column of the item ids in --item-table. The default is item_id.",
    )
    group.add_argument("--item-table-text", help="The column of the titles in --item-table.")
    group.add_argument(
        "--context-column",
        dest="context_columns",
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
    return {name: v for name in _COLUMNS if (v := getattr(args, name, None)) is not None}


def load_from(args: argparse.Namespace):
    """The `Loaded` that the arguments ask for; mistakes raise, see `guarded`."""
    from advrec_tf.data.metadata import attach_item_text
    from advrec_tf.data.readers.loading import SYNTHETIC, load

    columns = {**table_columns(args), **_side_tables(args)}
    if args.data == SYNTHETIC:
        if columns:
            raise ValueError(f"Columns are of a table file. Received: {', '.join(columns)}.")
        columns = {"seed": args.seed}
    loaded = load(args.data, **columns)
    if args.item_table is not None and (args.item_table_text or _holds_titles(args.item_table)):
        texts = _texts_of(args)
        loaded = dataclasses.replace(
            loaded, interactions=attach_item_text(loaded.interactions, texts)
        )
    return loaded


def _side_tables(args: argparse.Namespace) -> dict:
    """The keywords of `load` for tables of users and items whose columns are features."""
    found = {}
    if getattr(args, "user_table", None) is not None:
        found |= {"users": args.user_table, "user_table_id": args.user_table_id}
    of_items = args.item_table is not None and not _holds_titles(args.item_table)
    if of_items and not os.path.isdir(args.data):  # MovieLens has features of its own
        found |= {"items": args.item_table, "item_table_id": args.item_table_id}
    if getattr(args, "column_kind", None) is not None:
        wrong = [text for text in args.column_kind if "=" not in text]
        if wrong:
            raise ValueError(f"`--column-kind` should be COLUMN=KIND. Received: {wrong[0]}.")
        found["kinds"] = dict(text.rsplit("=", 1) for text in args.column_kind)
    return found


def _holds_titles(path: str) -> bool:
    return path.endswith((".dat", ".dat.gz", ".json", ".json.gz"))


def _texts_of(args: argparse.Namespace) -> dict:
    from advrec_tf.data.readers.side_tables import read_texts

    return read_texts(
        args.item_table,
        id_column=args.item_table_id,
        text_column=args.item_table_text,
        encoding=args.encoding or "utf-8",
        escape=getattr(args, "escape", None),
        log=print,
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """`--run-dir` and `--resume`."""
    parser.add_argument(
        "--run-dir",
        type=Path,
        required=True,
        help="The folder for the report, the plots and TensorBoard.",
    )
    parser.add_argument("--resume", action="store_true", help="Continue the run in --run-dir.")


def add_health_argument(parser: argparse.ArgumentParser) -> None:
    """`--fail-on-unhealthy`, for `ending.conclude`."""
    parser.add_argument(
        "--fail-on-unhealthy",
        action="store_true",
        help=f"End with exit code {UNHEALTHY} where a training diverged, collapsed or had nothing "
        "to learn. By default this is only said.",
    )


def note_resume(args: argparse.Namespace) -> None:
    """Say so where there is nothing to resume: the folder may be misspelt."""
    from advrec_tf.pipelines.stages import holds_run

    if args.resume and not holds_run(args.run_dir):
        print(f"{args.run_dir} holds no run to resume. A new run starts.")


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


def begin(args: argparse.Namespace, job: str, kind: type = RecommenderSettings, **inputs):
    """(settings, prepared data, identity, store) of a run; mistakes raise, see `guarded`.

    What was read is printed before anything is trained. The `inputs`, JSON values, are what the
    results depend on beside data, settings and versions.
    """
    settings = settings_from(args, kind)
    loaded = load_from(args)
    from advrec_tf.pipelines.recommend.preparation import identity_of, prepare

    print(loaded.report)
    prepared = prepare(loaded, settings)
    for what, count in prepared.counts.items():
        if what.startswith("removed") and count:
            print(f"  {what.replace('_', ' ')}: {count:,}")
    print(prepared.audit)
    if prepared.split.settings.get("order") == "file":
        print("  There is no time column: the order of the file is taken as the order of time.")
    check_writable("export", getattr(args, "export", None))
    identity = {"job": job, **identity_of(prepared, settings), **inputs}
    return settings, prepared, identity, open_store(args, identity)


def require_counts(parser: argparse.ArgumentParser, args: argparse.Namespace, *names: str) -> None:
    """End with the parser's error unless each of the arguments that is given is >= 1."""
    for name in names:
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} should be >= 1. Received: {value}.")


def check_writable(name: str, path: str | None) -> None:
    """Before hours of training: can `--export DIR` or `--out FILE` be written at all?

    Raises:
        ValueError: if not.
    """
    if path is None:
        return
    if name != "export" and Path(path).is_dir():
        raise ValueError(f"`--{name}` should be a file. Received {path}, which is a folder.")
    folder = Path(path) if name == "export" else Path(path).parent
    while name == "export" and not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f"`--{name} {path}` should be writable. Received {folder}, which is not.")


def add_out_argument(
    parser: argparse.ArgumentParser, what: str, *, required: bool = True, kind: type = str
) -> None:
    """`--out`, the file that the command writes, and `--overwrite`."""
    parser.add_argument("--out", required=required, type=kind, metavar="FILE", help=what)
    parser.add_argument(
        "--overwrite", action="store_true", help="Replace the file of --out where it exists."
    )


def check_out(args: argparse.Namespace) -> None:
    """Before anything is read: `--out` is writable, new (or --overwrite), and no input.

    Raises:
        ValueError, FileExistsError: if not.
    """
    if args.out is None:
        return
    check_writable("out", args.out)
    inputs = [getattr(args, name, None) for name in INPUTS]
    try:
        check_output(args.out, overwrite=args.overwrite, inputs=inputs, name="--out")
    except FileExistsError as error:
        raise FileExistsError(f"{error} Give --overwrite to replace it.") from None


def export_checked(
    recommender, folder: str | None, identity: dict, *, k: int = 10, keep: int | None = None
) -> dict:
    """Export with a check through TensorFlow's C API; {} where no folder is given."""
    if folder is None:
        return {}
    from advrec_tf.serving.folder import read_metadata
    from advrec_tf.serving.forms import export

    path = export(recommender, folder, k=k, keep=keep, metadata={"run": identity})
    return {"export": {"path": str(path), "check": read_metadata(path)["check"]}}


def finish(args: argparse.Namespace, prepared, identity: dict, outcome, **more) -> dict:
    """Write report.json and print its table; returns the report."""
    from advrec_tf.pipelines.recommend import page, report

    result = report.make_report(
        outcome, identity=identity, counts=prepared.counts, audit=prepared.audit.as_dict()
    )
    result.update(more)
    path = args.run_dir / "report.json"
    atomic_bytes(path, json.dumps(result, indent=2) + "\n", overwrite=True)
    text = page.markdown(result, command_line())
    atomic_bytes(path.with_suffix(".md"), text, overwrite=True)
    print("\n" + "\n".join(page.table_lines(result)))
    print("\n" + "\n".join(textwrap.wrap(page.LEGEND, 100)))
    lines = page.comparison_lines(result["comparisons"])
    if lines:
        print("\nWhat each ingredient changed (NDCG@10, paired over users, 95 % interval):")
        print("\n".join(lines))
    if "cold_start" in result:
        print("\nThe same for users cut to 1, 3 or 5 interactions, on their withheld history:")
        print("\n".join(page.comparison_lines(result["cold_start"]["comparisons"]["withheld"])))
    print(f"\nreport       {path}")
    print(f"TensorBoard  tensorboard --logdir {shlex.quote(str(args.run_dir / 'tensorboard'))}")
    if "export" in result:
        print(f"SavedModel   {result['export']['path']}")
    if "shipped_model" in outcome.choices:
        print(f"\n{page.verdict(outcome.choices)}")
    return result


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
        group.add_argument(
            name,
            type=options[0] if options else kind,
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


def print_list(recommender, user_id: str | None, k: int = 10) -> None:
    """A user's list by title; by default of the user with the median number of rows."""
    data = recommender.interactions
    if user_id is None:
        order = data.user_counts().argsort(kind="stable")
        user_id = data.users.ids[order[len(order) // 2]]
    elif len(data.users) and not isinstance(data.users.ids[0], str):
        user_id = int(user_id) if user_id.lstrip("-").isdigit() else user_id
    listed = recommender.recommend([user_id], k)
    index = data.items.index_of(listed["item_id"].tolist())
    print(f"\nTop {k} for user {user_id}:")
    for rank, item_id, i in zip(listed["rank"], listed["item_id"], index, strict=True):
        title = "" if data.item_text is None else data.item_text[i]
        print(f"  {rank:>2}  {title or item_id}" + (f"  [{item_id}]" if title else ""))
