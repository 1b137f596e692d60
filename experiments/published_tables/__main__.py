r"""Reproduce a published table of recommenders, adversarial ones and their ablations.

    python -m experiments.published_tables --list
    python -m experiments.published_tables irgan-ml100k --run-dir runs/irgan --out docs/results
    python -m experiments.published_tables irgan-ml100k --run-dir runs/irgan --search 8
    python -m experiments.published_tables irgan-ml100k --run-dir runs/irgan --only EASE CFGAN \
        --onto docs/results/irgan-ml100k.json --out docs/results

    python -m experiments.published_tables --overview docs/results/README.md

The last writes all tables' figures, from the reports in --out, between two marks in a page.
Without `--search` the settings come from experiments/settings/TABLE.json; with it the choices are
written into the run folder, or where `--settings` says. With `--onto` the rows that this run
does not train are those of an earlier report, as far as its settings still hold. The data is found
through ADVREC_DATA (default ../shared/data).
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli

SETTINGS = Path(__file__).parent / "settings"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", nargs="?", help="name of a table")
    parser.add_argument("--list", action="store_true", help="print the tables and their rows")
    parser.add_argument("--run-dir", type=Path, help="folder of the run; needed for a table")
    parser.add_argument("--resume", action="store_true", help="continue the run in --run-dir")
    parser.add_argument("--out", type=Path, help="folder for TABLE.md and TABLE.json")
    parser.add_argument(
        "--search", type=int, metavar="TRIALS", help="choose settings that are missing, by search"
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="default: experiments/settings/TABLE.json; settings.json in --run-dir with --search",
    )
    parser.add_argument(
        "--onto", type=Path, metavar="JSON", help="keep the other rows of an earlier TABLE.json"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="LABEL", help="only these rows")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--overview", type=Path, metavar="PAGE", help="write all tables into it")
    parser.add_argument("--workers", type=int, default=1, help="processes at once, default: 1")
    args = parser.parse_args(argv)
    if not args.list and args.overview is None and (args.table is None or args.run_dir is None):
        parser.error(
            f"give {'a table and ' if args.table is None else ''}--run-dir, --list or --overview"
        )
    cli.require_counts(parser, args, "seeds", "workers", "search")
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from experiments.published_tables import page, runner
    from experiments.published_tables.tables import TABLES

    if args.list:
        for name, table in TABLES.items():
            print(f"{name}: {table.protocol}\n  {'; '.join(table.enters)}")
        return
    if args.overview is not None:
        _write_overview(args.overview, args.out or Path("docs/results"), TABLES)
        return
    kept = SETTINGS / f"{args.table}.json"
    settings_file = args.settings or (args.run_dir / "settings.json" if args.search else kept)
    cli.note_resume(args)
    report = runner.run(
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
    command = cli.command_line()
    report["command"] = command
    shown = (
        f"experiments/settings/{args.table}.json" if settings_file == kept else str(settings_file)
    )
    report["settings_file"] = shown
    text = page.markdown(report, command, shown)
    for folder in {args.run_dir, args.out or args.run_dir}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{args.table}.json").write_text(json.dumps(report, indent=2) + "\n")
        (folder / f"{args.table}.md").write_text(text)
    print("\n" + text)
    if report["failed"]:
        raise SystemExit(f"{len(report['failed'])} rows failed: {'; '.join(report['failed'])}")


def _write_overview(page: Path, folder: Path, tables: Iterable[str]) -> None:
    from experiments.published_tables import overview

    files = {name: folder / f"{name}.json" for name in tables}
    reports = {n: json.loads(f.read_text()) for n, f in files.items() if f.exists()}
    if not reports:
        names = ", ".join(file.name for file in files.values())
        raise ValueError(f"`--out` should hold reports: {names}. Received: {folder}.")
    link = Path(os.path.relpath(folder, page.parent)).as_posix() + "/{}.md"
    overview.write(page, reports, link=link)


if __name__ == "__main__":
    sys.exit(main())
