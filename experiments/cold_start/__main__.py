r"""Items and users without history: text towers, knowledge graph, generated vectors, baselines.

    bash scripts/install_minilm.sh
    python -m experiments.cold_start --data ml-100k --run-dir runs/cold --out docs/results
    python -m experiments.cold_start --data events.csv --item-text descriptions.json \
        --item-attributes items.csv --scenarios items users --run-dir runs/cold

The text of an item is its title, then what the --item-text files say.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli

SCENARIOS = ("items", "missing", "finetuned", "users", "warm")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_arguments(parser)
    cli.add_run_arguments(parser)
    group = parser.add_argument_group("what is known of items and users")
    group.add_argument(
        "--encoder", default="minilm", help="language model: a folder or a name; default: minilm"
    )
    group.add_argument("--max-length", type=int, default=64, help="tokens of a text; default: 64")
    group.add_argument(
        "--item-text",
        nargs="+",
        default=[],
        metavar="FILE",
        help="JSON {item id: text}, or movies.dat",
    )
    group.add_argument(
        "--item-attributes", metavar="FILE", help="CSV/TSV by item_id, or movies.dat"
    )
    group.add_argument("--user-attributes", metavar="FILE", help="CSV/TSV by user_id, or users.dat")
    group.add_argument("--knowledge-graph", metavar="FILE", help="lines `head relation tail`")
    group.add_argument("--knowledge-items", metavar="FILE", help="lines `item entity`")
    group.add_argument("--cache", default="runs/text_vectors", help="folder of kept text vectors")
    group = parser.add_argument_group("the experiment")
    group.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    group.add_argument("--only", nargs="+", default=[], metavar="LABEL", help="only these rows")
    group.add_argument("--seeds", type=int, default=5, help="trainings of a row; default: 5")
    group.add_argument("--epochs", type=int, default=12, help="at most; default: 12")
    group.add_argument(
        "--points", type=int, default=3, help="values of a setting tried at most; default: 3"
    )
    group.add_argument("--out", type=Path, help="folder for cold-start-NAME.md and .json")
    group.add_argument("--name", help="of the data, in file names; default: that of --data")
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "seeds", "epochs", "points")
    args.seed = 0
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from advrec_tf.pipelines.stages import StageStore
    from experiments.cold_start import page, runner
    from experiments.cold_start.loading import load_content

    rows = [label for scenario in args.scenarios for label in runner.SCENARIOS[scenario]]
    unknown = [label for label in args.only if label not in rows]
    if unknown:
        raise ValueError(
            f"`--only` should name rows of {', '.join(args.scenarios)}: {'; '.join(rows)}. "
            f"Received: {unknown[0]!r}."
        )
    content, about = load_content(args)
    identity = {"job": "cold_start", **about, "epochs": args.epochs, "points": args.points}
    cli.note_resume(args)
    store = StageStore(args.run_dir, identity, resume=args.resume)
    reports = [
        runner.run_scenario(
            scenario,
            content,
            store,
            seeds=args.seeds,
            epochs=args.epochs,
            points=args.points,
            only=[label for label in args.only if label in runner.SCENARIOS[scenario]],
        )
        for scenario in args.scenarios
        if not args.only or set(args.only) & set(runner.SCENARIOS[scenario])
    ]
    name = args.name or Path(args.data).name.split(".")[0]
    command = cli.command_line()
    text = page.markdown(reports, name, command, about)
    for folder in {args.run_dir, args.out or args.run_dir}:
        folder.mkdir(parents=True, exist_ok=True)
        report = {"command": command, "about": about, "scenarios": reports}
        (folder / f"cold-start-{name}.json").write_text(json.dumps(report, indent=2) + "\n")
        (folder / f"cold-start-{name}.md").write_text(text)
    print("\n" + text)


if __name__ == "__main__":
    sys.exit(main())
