r"""The two-tower model beside the retrieval model of the TFRS tutorials, in turns in one process.

    python -m experiments.speed.beside_tfrs --data ../shared/data/ml-100k --out docs/results

TFRS (pip install tensorflow-recommenders) has the towers of its tutorials: StringLookup and
Embedding of each id and text, a normalized age, and a dense layer over what is joined; batches are
shuffled, cut and cached once, as there. It stands twice: without its metric in training, and with
the metric of all items in each step, as "basic retrieval" has it. All take the same features of
users, width, batches and Adagrad, and `RankingEvaluator` measures them after the same epochs. Ours
does more in a step: it divides by the length and a temperature, corrects for popularity and hides
known positives.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.loading import load
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.retrieval import two_tower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from experiments.harness import command
from experiments.harness.markdown import facts, page, table

OPTIONS = {
    "dim": (32, "The width of the embeddings."),
    "rounds": (5, "Turns of each, of which medians are taken."),
    "epochs": (4, "Epochs of a turn, the first of which is not timed."),
}
BATCHES = (8192, 2048, 512)
FEATURES = ("age", "gender", "occupation")
METRICS = ("recall@10", "ndcg@10")
OURS, THEIRS, WITH_METRIC = "advrec_tf", "TFRS", "TFRS, its metric in training"
HEAD = ("batch", "library", "examples/s", "ours is", "least", "most", "in processor time")
LEGEND = (
    "Examples a second are medians over the turns, of the clock. Beside TFRS stands how many times "
    "as fast ours is: the median, the least and the most over the turns, and the median in "
    "processor time, in which other work on the machine does not count. Metrics are of the last "
    "item of each user over the whole catalogue without the items of training and validation."
)


class Tutorial(_tfrs.Model):
    """Query and candidate towers as the tutorials "basic retrieval" and "context features" have
    them; inputs are texts, and ages in years. The metric, where asked for, is that of "basic
    retrieval", in every step of the training."""

    def __init__(self, data: Interactions, dim: int, *, with_metric: bool):
        super().__init__()
        users = data.user_features
        self.lookups = {
            name: keras.Sequential(
                [
                    keras.layers.StringLookup(vocabulary=list(vocabulary)),
                    keras.layers.Embedding(len(vocabulary) + 1, dim),
                ]
            )
            for name, vocabulary in {
                "user_id": data.users.ids.astype(str),
                "gender": users["gender"].astype(str).unique(),
                "occupation": users["occupation"].astype(str).unique(),
                "item_id": data.items.ids.astype(str),
            }.items()
        }
        self.age = keras.layers.Normalization(axis=None)
        self.age.adapt(users["age"].to_numpy(np.float32))
        self.dense = keras.layers.Dense(dim)
        self.with_metric = with_metric
        metric = None
        if with_metric:
            import tensorflow_recommenders as tfrs  # after advrec_tf, which selects Keras 2

            ids = tf.data.Dataset.from_tensor_slices(data.items.ids.astype(str))
            metric = tfrs.metrics.FactorizedTopK(ids.batch(128).map(self.lookups["item_id"]))
        self.task = _tfrs.Retrieval(metrics=metric)

    def query(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """[batch, dim]."""
        texts = [self.lookups[name](inputs[name]) for name in ("user_id", "gender", "occupation")]
        return self.dense(tf.concat([*texts, self.age(inputs["age"])[:, None]], axis=1))

    def compute_loss(self, inputs, training=False):
        items = self.lookups["item_id"](inputs["item_id"])
        return self.task(self.query(inputs), items, compute_metrics=self.with_metric)


def rows_of(data: Interactions, users: np.ndarray) -> dict[str, np.ndarray]:
    """What the tutorial reads of users, by their index."""
    table = data.user_features.iloc[users]
    found = {"user_id": data.users.ids[users].astype(str), "age": table["age"].to_numpy(np.float32)}
    return found | {name: table[name].to_numpy(str) for name in ("gender", "occupation")}


def with_features(data: Interactions) -> Interactions:
    """The interactions with `FEATURES` of users and no others.

    Raises:
        ValueError: if users lack one.
    """
    table = data.user_features
    absent = [name for name in FEATURES if table is None or name not in table]
    if absent:
        raise ValueError(
            f"`--data` should have {', '.join(FEATURES)} of users, as MovieLens 100K has. "
            f"Received data without {absent[0]}."
        )
    return dataclasses.replace(data, user_features=table[list(FEATURES)], item_features=None)


class Ours:
    """`two_tower` with its batches of pairs."""

    def __init__(self, data: Interactions, args: argparse.Namespace, batch_size: int):
        self.model = two_tower(data, embedding_dim=args.dim, use_features=True)
        self.model.compile(
            optimizer=keras.optimizers.Adagrad(0.1), jit_compile=True, steps_per_execution=1
        )
        self.batches = batches.of_pairs(data, batch_size=batch_size, seed=0)

    def fit(self, first: int, epochs: int, clock: keras.callbacks.Callback) -> None:
        self.model.fit(
            self.batches.dataset(first),
            steps_per_epoch=self.batches.steps_per_epoch,
            epochs=epochs,
            callbacks=[clock],
            verbose=0,
        )

    def recommender(self):
        return self.model.frozen()


class Theirs:
    """`Tutorial` with the pipeline of its tutorial."""

    def __init__(
        self, data: Interactions, args: argparse.Namespace, batch_size: int, *, with_metric: bool
    ):
        self.data, self.model = data, Tutorial(data, args.dim, with_metric=with_metric)
        self.model.compile(optimizer=keras.optimizers.Adagrad(0.1))
        columns = rows_of(data, data.user_index)
        columns["item_id"] = data.items.ids[data.item_index].astype(str)
        rows = tf.data.Dataset.from_tensor_slices(columns)
        self.batches = rows.shuffle(100_000, seed=0).batch(batch_size).cache()

    def fit(self, first: int, epochs: int, clock: keras.callbacks.Callback) -> None:
        self.model.fit(self.batches, epochs=epochs, callbacks=[clock], verbose=0)

    def recommender(self):
        data = self.data
        rows = rows_of(data, np.arange(data.num_users))
        users = self.model.query({name: tf.constant(value) for name, value in rows.items()})
        return VectorRecommender(
            user_vectors=users.numpy(),
            item_vectors=self.model.lookups["item_id"](data.items.ids.astype(str)).numpy(),
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=data,
        )


class Clock(keras.callbacks.Callback):
    """Seconds of the clock and of the processor, of each epoch."""

    def __init__(self):
        super().__init__()
        self.seconds: list[tuple[float, float]] = []

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter(), time.process_time()
        self.seconds.append(tuple(a - b for a, b in zip(now, self._begun, strict=True)))

    def of_an_epoch(self) -> tuple[float, float]:
        """Medians over the epochs after the first."""
        timed = np.array(self.seconds[1:])
        return tuple(np.median(timed, axis=0).tolist())


def measured(split, args: argparse.Namespace, batch_size: int) -> dict:
    """All in turns; the report of one batch size."""
    data = with_features(split.train)
    sides = {
        OURS: Ours(data, args, batch_size),
        THEIRS: Theirs(data, args, batch_size, with_metric=False),
        WITH_METRIC: Theirs(data, args, batch_size, with_metric=True),
    }
    passed: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(args.rounds + 1):  # the first compiles, and is not counted
        for name, side in sides.items():
            clock = Clock()
            side.fit(number * args.epochs, args.epochs, clock)
            if number:
                passed[name].append(clock.of_an_epoch())
    evaluator = RankingEvaluator.of_split(split)
    ratios = {
        name: {
            kind: [
                theirs[i] / ours[i] for ours, theirs in zip(passed[OURS], passed[name], strict=True)
            ]
            for i, kind in enumerate(("clock", "processor"))
        }
        for name in (THEIRS, WITH_METRIC)
    }
    return {
        "batch_size": batch_size,
        "trained_epochs": (args.rounds + 1) * args.epochs,
        "examples_per_second": {
            name: len(data) / statistics.median(clock for clock, _ in seconds)
            for name, seconds in passed.items()
        },
        "times_as_fast": ratios,
        "metrics": {
            name: {
                metric: evaluator.evaluate(side.recommender()).metrics[metric] for metric in METRICS
            }
            for name, side in sides.items()
        },
    }


def lines_of(row: dict) -> list[list[str]]:
    """A line for each library."""
    found = []
    for name, speed in row["examples_per_second"].items():
        shown = [""] * 4
        if name in row["times_as_fast"]:
            ratios = row["times_as_fast"][name]
            clock = ratios["clock"]
            figures = [f(clock) for f in (statistics.median, min, max)]
            figures.append(statistics.median(ratios["processor"]))
            shown = [f"x{value:.2f}" for value in figures]
        metrics = [f"{row['metrics'][name][metric]:.4f}" for metric in METRICS]
        epochs = f"{row['trained_epochs']}"
        found.append([f"{row['batch_size']:,}", name, f"{speed:,.0f}", *shown, epochs, *metrics])
    return found


def markdown(report: dict, path: Path | None) -> str:
    """The page, from the report alone."""
    return page(
        "Speed beside the TFRS tutorial",
        report["command"],
        facts(report["about"]),
        ["", f"On {', '.join(f'{name} {value}' for name, value in report['machine'].items())}."],
        table(
            (*HEAD, "epochs", *METRICS), [one for row in report["rows"] for one in lines_of(row)]
        ),
        ["", LEGEND],
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    parser.add_argument("--data", required=True, help="The folder of MovieLens 100K.")
    shown = " ".join(map(str, BATCHES))
    parser.add_argument(
        "--batch-sizes",
        nargs="+",
        type=command.positive,
        default=list(BATCHES),
        help=f"Examples in a batch, one after the other. Default: {shown}.",
    )
    command.add_options(parser, OPTIONS)
    command.add_report(parser, markdown, out=command.HERE)
    args = parser.parse_args(argv)
    if args.epochs < 2:
        parser.error("--epochs should be >= 2: the first of a turn is not timed")
    return args


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    split = load(args.data).split("last_item")
    rows = []
    for batch_size in args.batch_sizes:
        rows.append(measured(split, args, batch_size))
        print(rows[-1], flush=True)
    about = {"data": Path(args.data).name, "examples": len(split.train)}
    about |= {name: getattr(args, name) for name in OPTIONS}
    report = {"about": about, "machine": machine(), "rows": rows}
    command.publish(args, report, markdown, "speed-beside-tfrs")


if __name__ == "__main__":
    main(sys.argv[1:])
