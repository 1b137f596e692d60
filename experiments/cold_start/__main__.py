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

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.cold_start.page import TITLES, markdown_page
from experiments.harness import arguments, command

_COLUMN = {"metavar": "COLUMN"}
SCENARIOS = {"nargs": "+", "choices": tuple(TITLES), "metavar": None}
OPTIONS = command.SIDE_FILES | {
    "encoder": ("minilm", "The language model is read from this folder or preset."),
    "max_length": (64, "Texts are cut to so many tokens."),
    "cache": ("runs/text_vectors", "Text vectors are kept in this folder."),
    "item_category": ([], "These columns of --item-attributes are categories.", _COLUMN),
    "user_category": ([], "These columns of --user-attributes are categories.", _COLUMN),
    "scenarios": ([*TITLES], "Only these scenarios are run.", SCENARIOS),
    "only": ([], "Only these entries are trained; by default all.", {"metavar": "LABEL"}),
    "epochs": (12, "Towers train at most so many epochs."),
    "points": (3, "At most so many values of a setting are tried on validation."),
}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    return command.parse(__doc__, argv, markdown_page, OPTIONS, data=True, seeds=5, name=True)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
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
    store = arguments.open_store(args, identity)
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
    report = {"about": about, "scenarios": scenarios}
    command.publish(args, report, markdown_page, f"cold-start-{command.name_of(args)}")


if __name__ == "__main__":
    sys.exit(main())
