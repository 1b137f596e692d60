"""The command line of the table pipeline, for `train_gan.py` and `quality_report.py`."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib.util
import shlex
from collections.abc import Sequence

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.tabular import settings as table_settings

_KINDS = ("category", "identifier", "date", "number")
_READINGS = {
    "decimal-comma": "Columns of numbers whose comma is the decimal mark, where 1,234 could be "
    "either.",
    "day-first": "Columns of dates whose day stands before the month, where 01/02/2024 could be "
    "either.",
    "month-first": "Columns of dates whose month stands before the day.",
}


def asks_for_table(argv: Sequence[str]) -> bool:
    """Whether the arguments are those of the table pipeline: `--label COLUMN` or `--table`."""
    return any(a in ("--label", "--table") or a.startswith("--label=") for a in argv)


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """The file's columns."""
    group = parser.add_argument_group("columns of the table")
    group.add_argument(
        "--label", metavar="COLUMN", help="The column that is predicted. By default the last one."
    )
    group.add_argument(
        "--drop", nargs="+", default=(), metavar="COLUMN", help="Columns to leave out."
    )
    for kind in _KINDS:
        group.add_argument(
            f"--{kind}", nargs="+", default=(), metavar="COLUMN", help=f"Columns to read as {kind}."
        )
    group.add_argument(
        "--max-categories",
        type=int,
        default=1000,
        help="The largest number of categories of a column. The default is 1000.",
    )
    for reading, what in _READINGS.items():
        group.add_argument(f"--{reading}", nargs="+", default=(), metavar="COLUMN", help=what)
    cli.add_format_arguments(
        group, "; in columns of numbers, dates and booleans also dashes, ?, n/a and their like"
    )


def read(args: argparse.Namespace, path: str):
    """The table at `path` as the arguments describe it."""
    from advrec_tf.tabular.files import read_table

    readings = {
        name: reading for reading in _READINGS for name in getattr(args, reading.replace("-", "_"))
    }
    return read_table(
        path,
        label=args.label,
        kinds={name: kind for kind in _KINDS for name in getattr(args, kind)},
        readings=readings,
        drop=args.drop,
        max_categories=args.max_categories,
        **cli.table_columns(args),
    )


def table_parser(description: str) -> argparse.ArgumentParser:
    """The arguments of `train_gan.py` for a table."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", required=True, metavar="FILE", help="A CSV or TSV file, plain or .gz."
    )
    parser.add_argument(
        "--table", action="store_true", help="Read a table whose last column is the label."
    )
    cli.add_out_argument(parser, "The CSV file of the generated rows.")
    parser.add_argument(
        "--rows", type=int, help="The number of rows to generate. By default as many as were read."
    )
    parser.add_argument(
        "--condition",
        nargs="+",
        default=(),
        metavar="COLUMN=VALUE",
        help="Values that the generated rows are to have.",
    )
    parser.add_argument(
        "--export", metavar="DIR", help="The folder for the versions of the SavedModel."
    )
    cli.add_run_arguments(parser)
    cli.add_health_argument(parser)
    add_table_arguments(parser)
    table_settings.add_arguments(parser)
    return parser


def train(argv: Sequence[str], description: str) -> None:
    """The whole job: read, train, measure, write rows and report, export and check."""
    parser = table_parser(description)
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "rows")
    settings = table_settings.settings_from(args)
    cli.check_out(args)
    cli.check_writable("export", args.export)
    from advrec_tf.evaluation.two_sample import require_sklearn

    require_sklearn()
    table = read(args, args.data)
    print(table)
    if settings.private:
        if settings.conditional:
            raise ValueError("`--conditional` and `--noise-multiplier` exclude each other.")
        if importlib.util.find_spec("dp_accounting") is None:
            raise ImportError(
                "`--noise-multiplier` needs dp-accounting, the extra `privacy`: "
                "bash scripts/install.sh --extras privacy."
            )
    elif not settings.conditional:
        settings = dataclasses.replace(settings, conditional=(table.schema.label,))
    conditions = conditions_from(args.condition, table, settings.conditional)

    from advrec_tf.pipelines.machine import versions
    from advrec_tf.pipelines.tabular import job

    identity = {
        "job": "table",
        "settings": settings.as_dict(),
        "data_sha256": fingerprint(table),
        "versions": versions(),
    }
    store = cli.open_store(args, identity)
    written = _Written(args, table, conditions, settings.seed)
    outcome = job.run(table, settings, store, deliver=written.deliver)
    notes = [*table.schema.noticed, f"training: {outcome.fits['gan']['verdict']}", *written.notes]
    if settings.private:
        notes.append(job.spent(outcome, settings))
        print(notes[-1])
    blunt = job.blunt_measures(outcome.qualities)
    page = job.write_report(
        outcome,
        args.run_dir,
        notes=[f"made by {cli.command_line()}", *notes, *blunt],
        identity=identity,
    )
    _say(outcome)
    for line in blunt:
        print(f"note: {line}")
    print("\n" + "\n".join(written.lines))
    print(f"report       {page}")
    print(f"TensorBoard  tensorboard --logdir {shlex.quote(str(args.run_dir / 'tensorboard'))}")
    conclude(store.verdicts, fail=args.fail_on_unhealthy)


class _Written:
    """What a run is for: the generated rows, and the SavedModel where it is asked for.

    Attributes:
        lines: where they lie.
        notes: what is to be said of the rows.
    """

    def __init__(self, args: argparse.Namespace, table, conditions: dict, seed: int):
        self.args, self.table, self.conditions, self.seed = args, table, conditions, seed
        self.lines: list[str] = []
        self.notes: list[str] = []

    def deliver(self, model) -> None:
        """Write what the trained GAN generates, and the GAN itself."""
        from advrec_tf.tabular.files import write_table

        args, table = self.args, self.table
        rows = len(table.frame) if args.rows is None else args.rows
        generated = model.generate(rows, self.conditions, seed=self.seed)
        separator = table.separator if len(table.separator) == 1 else ","
        write_table(
            generated,
            table.schema,
            args.out,
            separator=separator,
            overwrite=args.overwrite,
            inputs=[args.data],
        )
        self.lines.append(f"rows         {rows:,} in {args.out}")
        if model.copies_drawn:
            self.notes.append(_copies_in_words(model.copies_drawn, model.copies_left, rows))
            print(f"note: {self.notes[-1]}")
        if args.export is not None:
            self.lines.append(_export(model, args.export))


def _export(model, folder: str) -> str:
    from advrec_tf.serving.folder import read_metadata
    from advrec_tf.serving.saved_model import export
    from advrec_tf.tabular.served import ServedGenerator

    path = export(ServedGenerator(model), folder)
    check = read_metadata(path)["check"]
    seconds = check["latency_us"]["serving_default"] / 1e6
    return (
        f"SavedModel   {path}: {check['answers']} rows equal those in memory, "
        f"{check['answers'] / seconds:,.0f} rows/s through the C API"
    )


def _copies_in_words(drawn: int, left: int, rows: int) -> str:
    text = (
        f"{drawn} of {rows} rows drawn equalled a training row that is the only one of its kind; "
    )
    if left < drawn:
        return text + f"{drawn - left} were drawn anew"
    return (
        text + "they stay: with so few different values, refusing them would bend the table. Where "
        "they could give somebody away, leave columns out or train with --noise-multiplier"
    )


def _say(outcome) -> None:
    from advrec_tf.tabular.quality_page import comparison_rows, verdict_rows

    rows = [
        ["" if c is None else f"{c:.3f}" if isinstance(c, float) else str(c) for c in row]
        for row in comparison_rows(outcome.qualities)
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print()
    for row in rows:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
    print()
    for name, value, aim, done in verdict_rows(outcome.qualities["gan"]):
        shown = "not measured" if value is None else f"{value:.3f}"
        mark = {True: "reached", False: "missed", None: "not judged"}[done]
        print(f"{name:<62} {shown:>8}  {aim:<14} {mark}")


def conditions_from(given: Sequence[str], table, conditional: Sequence[str]) -> dict:
    """COLUMN=VALUE texts -> {column: value of its type}.

    Raises:
        ValueError: if a text has no "=", names a column that is not conditional, or a value
            that the column never has.
    """
    conditions = {}
    for text in given:
        name, found, value = text.partition("=")
        if not found or name not in conditional:
            raise ValueError(
                f"`--condition` should be COLUMN=VALUE on one of {', '.join(conditional)} (see "
                f"`--conditional`). Received: {text!r}."
            )
        conditions[name] = table.schema[name].condition(value, table.frame[name])
    return conditions


def fingerprint(table) -> str:
    """SHA-256 of the rows and the schema."""
    import json

    from advrec_tf.ops.fingerprints import digest_columns

    digest = hashlib.sha256(json.dumps(table.schema.as_dict(), default=str).encode())
    digest_columns(digest, table.frame)
    return digest.hexdigest()
