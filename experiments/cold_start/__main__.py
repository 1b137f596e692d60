r"""Items and users without history: text towers, knowledge graph, generated vectors, baselines.

    bash scripts/install_minilm.sh
    python -m experiments.cold_start --data ml-100k --run-dir runs/cold --out docs/results
    python -m experiments.cold_start --data events.csv --item-text descriptions.json \
        --item-attributes items.csv --scenarios items users --run-dir runs/cold

The text of an item is its title, followed by what the --item-text files say.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from experiments.cold_start.page import TITLES, markdown_page
from experiments.harness import reports


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_arguments(parser)
    cli.add_run_arguments(parser)
    add = parser.add_argument_group("what is known of items and users").add_argument
    add(
        "--encoder",
        default="minilm",
        help="The language model is read from this folder or preset; default: minilm.",
    )
    add(
        "--max-length",
        type=int,
        default=64,
        help="Texts are cut to so many tokens; default: 64.",
    )
    add(
        "--item-text",
        nargs="+",
        default=[],
        metavar="FILE",
        help="The files hold texts of items: JSON {item id: text}, or movies.dat of MovieLens.",
    )
    add(
        "--item-attributes",
        metavar="FILE",
        help="The file holds attributes of items: CSV or TSV with a column item_id, or movies.dat.",
    )
    add(
        "--user-attributes",
        metavar="FILE",
        help="The file holds attributes of users: CSV or TSV with a column user_id, or users.dat.",
    )
    add(
        "--knowledge-graph",
        metavar="FILE",
        help="The file holds facts, one a line: head, relation, tail.",
    )
    add(
        "--knowledge-items",
        metavar="FILE",
        help="The file holds the entities of items, one pair a line: item, entity.",
    )
    add(
        "--cache",
        default="runs/text_vectors",
        help="Text vectors are kept in this folder; default: runs/text_vectors.",
    )
    add = parser.add_argument_group("the study").add_argument
    add(
        "--scenarios",
        nargs="+",
        choices=tuple(TITLES),
        default=list(TITLES),
        help="Only these scenarios are run; default: all.",
    )
    add(
        "--only",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="Only these entries are trained; default: all that the data allows.",
    )
    add("--epochs", type=int, default=12, help="Towers train at most so many epochs; default: 12.")
    add(
        "--points",
        type=int,
        default=3,
        help="At most so many values of a setting are tried on validation; default: 3.",
    )
    reports.add_arguments(parser, markdown_page)
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "seeds", "epochs", "points")
    args.seed = 0
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from advrec_tf.pipelines.stages import StageStore
    from experiments.cold_start.content import load_content
    from experiments.cold_start.entries import SCENARIOS
    from experiments.cold_start.study import run_scenario

    labels = [label for scenario in args.scenarios for label in SCENARIOS[scenario]]
    unknown = [label for label in args.only if label not in labels]
    if unknown:
        raise ValueError(
            f"`--only` should name entries of {', '.join(args.scenarios)}: {'; '.join(labels)}. "
            f"Received: {unknown[0]!r}."
        )
    content, about = load_content(args)
    identity = {"job": "cold_start", **about, "epochs": args.epochs, "points": args.points}
    cli.note_resume(args)
    store = StageStore(args.run_dir, identity, resume=args.resume)
    options = {"seeds": args.seeds, "epochs": args.epochs, "points": args.points}
    scenarios = [
        run_scenario(
            scenario,
            content,
            store,
            only=[label for label in args.only if label in SCENARIOS[scenario]],
            **options,
        )
        for scenario in args.scenarios
        if not args.only or set(args.only) & set(SCENARIOS[scenario])
    ]
    report = {"command": cli.command_line(), "about": about, "scenarios": scenarios}
    name = args.name or Path(args.data).name.split(".")[0]
    folders = [args.run_dir, args.out or args.run_dir]
    print("\n" + reports.write(report, markdown_page, folders, f"cold-start-{name}"))


if __name__ == "__main__":
    sys.exit(main())
