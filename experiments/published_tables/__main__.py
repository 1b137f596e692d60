r"""Reproduce a published table of recommenders, adversarial ones and their ablations.

    python -m experiments.published_tables --list
    python -m experiments.published_tables irgan-ml100k --run-dir runs/irgan --out docs/results
    python -m experiments.published_tables irgan-ml100k --run-dir runs/irgan --search 8
    python -m experiments.published_tables irgan-ml100k --run-dir runs/irgan --only EASE CFGAN \
        --onto docs/results/irgan-ml100k.json --out docs/results
    python -m experiments.published_tables --render docs/results/irgan-ml100k.json
    python -m experiments.published_tables --overview docs/results/README.md --out docs/results

The last writes the figures of all tables, from the reports in --out, between two marks in a page.
Without --search the settings come from experiments/settings/TABLE.json; with it the choices are
written into the run folder, or where --settings says. With --onto the models that this run does not
train are those of an earlier report, as far as its settings still hold. The data is found through
ADVREC_DATA (default ../shared/data).
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.harness import arguments, command, reports
from experiments.published_tables.page import markdown_page

SETTINGS = Path(__file__).parents[1] / "settings"
FILE = {"type": Path, "metavar": "FILE"}
OPTIONS = {
    "search": (
        None,
        "Settings that are missing are chosen by a search of so many trials a model.",
        {"type": command.positive, "metavar": "TRIALS"},
    ),
    "settings": (
        None,
        "The choices are read from this file and, with --search, written into it; default: "
        "experiments/settings/TABLE.json, with --search settings.json in --run-dir.",
        FILE,
    ),
    "onto": (None, "Models that this run does not train are kept from this report.", FILE),
    "only": ([], "Only these models are trained; by default all.", {"metavar": "LABEL"}),
    "workers": (1, "So many processes run at once."),
    "overview": (None, "The figures of all tables are written between the marks of a page.", FILE),
}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    add = parser.add_argument
    add("table", nargs="?", help="The table to reproduce is named; see --list.")
    add("--list", action="store_true", help="This prints the tables and their models.")
    add("--run-dir", type=Path, help="The run is kept in this folder; needed for a table.")
    add("--resume", action="store_true", help="This continues the run in --run-dir.")
    command.add_options(parser, OPTIONS)
    command.add_report(parser, markdown_page, seeds=5)
    args = parser.parse_args(argv)
    if not args.list and args.overview is None and (args.table is None or args.run_dir is None):
        wanted = "a table and " if args.table is None else ""
        parser.error(f"give {wanted}--run-dir, --list, --overview or --render")
    return args


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from experiments.published_tables import study
    from experiments.published_tables.tables import TABLES

    if args.list:
        for name, table in TABLES.items():
            print(f"{name}: {table.protocol}\n  {'; '.join(table.models)}")
        return
    if args.overview is not None:
        _write_overview(args.overview, args.out or Path("docs/results"), TABLES)
        return
    kept = SETTINGS / f"{args.table}.json"
    settings_file = args.settings or (args.run_dir / "settings.json" if args.search else kept)
    arguments.note_resume(args)
    report = study.run(
        args.table,
        run_dir=args.run_dir,
        settings_file=settings_file,
        budget=args.search,
        only=args.only,
        seeds=args.seeds,
        workers=args.workers,
        resume=args.resume,
        onto=args.onto,
    )
    shown = f"experiments/settings/{kept.name}" if settings_file == kept else str(settings_file)
    command.publish(args, report | {"settings_file": shown}, markdown_page, args.table)
    if report["failed"]:
        raise SystemExit(f"{len(report['failed'])} models failed: {'; '.join(report['failed'])}")


def _write_overview(page: Path, folder: Path, tables: Iterable[str]) -> None:
    from experiments.published_tables import overview

    files = {name: folder / f"{name}.json" for name in tables}
    found = {name: reports.read(file) for name, file in files.items() if file.exists()}
    if not found:
        names = ", ".join(file.name for file in files.values())
        raise ValueError(f"`--out` should hold reports: {names}. Received: {folder}.")
    link = (Path(os.path.relpath(folder, page.parent)) / "{}.md").as_posix()
    overview.write(page, found, link=link)


if __name__ == "__main__":
    sys.exit(main())
