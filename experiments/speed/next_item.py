r"""Time and quality of SASRec's training, beside another library's in turns on one machine.

    python -m experiments.speed.next_item --data ../shared/data/ml-100k --out docs/results \
        --beside 'PYTHON -m experiments.speed.beside_recbole {histories} --epochs {epochs}
        --every {every} --patience {patience}'

Both train a network of the same size until NDCG@10 of the validation items has not risen for
--patience evaluations; the last item of each user is the test. An event is an item that a state is
trained on. In --beside {histories} is a JSON file with the items of each user in order of time,
0-based; the command prints a line of JSON with `events_per_second` of the training epochs,
`seconds` of training, `epochs` of the best, `ndcg@10` of the test items over the full catalogue
without the history, and `peak_megabytes`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from advrec_tf.data.readers.loading import load
from advrec_tf.data.splits import Split
from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from advrec_tf.pipelines.memory import peak_memory
from experiments.harness import arguments, command
from experiments.harness.markdown import facts, page, table
from experiments.speed.beside import run_command
from experiments.speed.cells import in_own_process

OPTIONS = {
    "epochs": (100, "At most so many epochs."),
    "every": (2, "Epochs from one evaluation to the next."),
    "patience": (3, "Evaluations without a better one before training stops."),
    "batch_size": (128, "Histories in a batch of ours."),
    "length": (50, "The most items of a history that are read."),
    "rounds": (1, "Trainings of each, with a seed of their own, in turns."),
}
COLUMNS = {
    "events/s": ("events_per_second", ",.0f"),
    "seconds": ("seconds", ",.0f"),
    "epochs": ("epochs", ".0f"),
    "NDCG@10": ("ndcg@10", ".4f"),
    "peak MB": ("peak_megabytes", ",.0f"),
}
FIGURES = tuple(name for name, _ in COLUMNS.values())
LEGEND = (
    "Means over the rounds. Seconds are of the training epochs up to the last, without "
    "evaluations; epochs are those of the best evaluation, whose weights are tested. peak MB: "
    "largest resident memory of the process."
)


@dataclasses.dataclass(frozen=True)
class Training:
    """What one process trains: the data by their last items, the options and a seed."""

    split: Split
    epochs: int
    every: int
    patience: int
    batch_size: int
    length: int
    seed: int


def measure(training: Training) -> dict[str, float]:
    """Train ours in this process; the figures of `FIGURES`."""
    from advrec_tf._keras import keras
    from advrec_tf.data.next_item import queries_of
    from advrec_tf.evaluation.next_item import NextItemEvaluator
    from advrec_tf.models.sequential.encoders import EncoderSize
    from advrec_tf.training import recipes

    split = training.split
    size = EncoderSize(length=training.length, dim=64, blocks=2, heads=2, dropout=0.5)
    recipe = recipes.next_item("sasrec", size=size, batch_size=training.batch_size)
    starts: list[float] = []
    ends: dict[int, float] = {}  # of the last step, since an epoch ends with the evaluation
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: starts.append(time.perf_counter()),
        on_train_batch_end=lambda batch, logs: ends.update({len(starts): time.perf_counter()}),
    )
    found = recipe.train(
        split.train,
        seed=training.seed,
        epochs=training.epochs,
        evaluator=NextItemEvaluator(queries_of(split, "validation"), split.train, ks=(10,)),
        every=training.every,
        patience=training.patience,
        callbacks=[clock],
        label="ours",
    )
    test = NextItemEvaluator(queries_of(split), split.trainval(), ks=(10,))
    seconds = [end - start for start, end in zip(starts, ends.values(), strict=True)]
    events = int(np.maximum(split.train.user_counts() - 1, 0).sum())
    return {
        "events_per_second": events / float(np.median(seconds[1:] or seconds)),
        "seconds": sum(seconds),
        "epochs": found.report.best_epoch,
        "ndcg@10": test.evaluate(found.model).metrics["ndcg@10"],
        "peak_megabytes": peak_memory(),
    }


def theirs(words: str, training: Training) -> dict[str, float]:
    """What another library's command prints of the same training.

    Raises:
        ValueError: if its last line is not JSON with every figure.
    """
    numbers = {name: getattr(training, name) for name in (*OPTIONS, "seed") if name != "rounds"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "histories.json"
        path.write_text(json.dumps(histories_of(training.split)))
        printed, _ = run_command(words, {"histories": path, **numbers})
    last = (printed.strip().splitlines() or [""])[-1]
    try:
        found = json.loads(last)
        return {name: float(found[name]) for name in FIGURES}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"`beside` should print a last line of JSON with {', '.join(FIGURES)}. "
            f"Received: {last[:200]!r}."
        ) from error


def histories_of(split: Split) -> list[list[int]]:
    """The items of each user in order of time, test and validation items at the end."""
    from advrec_tf.data.order import ordered_by_user

    found: list[list[int]] = [[] for _ in range(split.train.num_users)]
    for part in (split.train, split.validation, split.test):
        order, _ = ordered_by_user(part)
        for user, item in zip(part.user_index[order].tolist(), part.item_index[order].tolist()):
            found[user].append(item)
    return found


def markdown(report: dict, path: Path) -> str:
    """The page, from the report alone."""
    sides = {side: found for side, found in report["found"].items() if found}
    means = {
        side: {name: float(np.mean([one[name] for one in found])) for name in FIGURES}
        for side, found in sides.items()
    }
    lines = [
        [side, *(f"{mean[name]:{form}}" for name, form in COLUMNS.values())]
        for side, mean in means.items()
    ]
    ratios = []
    if len(means) == 2:
        ours, other = means.values()
        ratio = {name: ours[name] / other[name] for name in FIGURES}
        ratios = [
            "",
            f"Ours has x{ratio['events_per_second']:.2f} the events a second, "
            f"x{ratio['ndcg@10']:.2f} the NDCG@10 and x{ratio['peak_megabytes']:.2f} the "
            f"memory, and takes x{ratio['seconds']:.2f} the time.",
        ]
    return page(
        "Speed of next-item training",
        report["command"],
        facts(report["about"]),
        ["", f"On {', '.join(f'{name} {value}' for name, value in report['machine'].items())}."],
        table(["library", *COLUMNS], lines),
        ratios,
        ["", LEGEND],
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    parser.add_argument("--data", required=True, help="A table file or a MovieLens folder.")
    arguments.add_table_arguments(parser)
    command.add_options(parser, OPTIONS)
    parser.add_argument("--beside", metavar="COMMAND", help="Another library's command.")
    parser.add_argument("--beside-name", default="other", help="Its name on the page.")
    command.add_report(parser, markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = {name: getattr(args, name) for name in OPTIONS if name != "rounds"}
    split = load(args.data, **arguments.table_columns(args)).split("last_item")
    found: dict[str, list[dict]] = {"advrec_tf": [], args.beside_name: []}
    for seed in range(args.rounds):
        training = Training(split=split, seed=seed, **settings)
        found["advrec_tf"].append(in_own_process(measure, training, "our training"))
        if args.beside is not None:
            found[args.beside_name].append(theirs(args.beside, training))
        for side, own in found.items():
            if own:
                print(f"{side}: {own[-1]}", flush=True)
    about = {"data": Path(args.data).name, "rounds": args.rounds, **settings}
    report = {"about": about, "machine": machine(), "found": found}
    command.publish(args, report, markdown, "speed-next-item")


if __name__ == "__main__":
    sys.exit(main())
