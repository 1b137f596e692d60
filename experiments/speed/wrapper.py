r"""What `AdversarialTraining` costs: a training step with it beside one without.

    python -m experiments.speed.wrapper --out docs/results

A TFRS retrieval model and a Keras ranking model, neither of this package, take steps on one batch:
plain, and by FGSM at each fraction, in turns. Ratios are medians over rounds, of processor time,
since other work on the machine does not count there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import keras
from advrec_tf.perturbations import fgsm
from advrec_tf.pipelines.ending import guarded
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.harness import command
from experiments.speed.cell_page import CellPage

FRACTIONS = (1.0, 0.2)
PAGE = CellPage(
    "speed-adversarial-training",
    "What adversarial training costs a step",
    ("model", "step", "milliseconds", "processor milliseconds", "times the plain step"),
    "Steps of a TFRS retrieval model with two hidden layers a tower and of a Keras ranking model "
    "with a cross layer, neither of this package: plain, and wrapped by `AdversarialTraining`, "
    "which attacks the named fraction of the batch by FGSM, in turns. Medians over the rounds; the "
    "ratio is of processor time, in which other work on the machine does not count.",
)
PLAIN = "plain"
OPTIONS = {
    "users": (20_000, "Users of both models."),
    "items": (5_000, "Items of both models."),
    "dim": (64, "The width of the embeddings."),
    "batch_size": (2048, "Examples in a batch."),
    "steps": (10, "Steps of each in a round."),
    "rounds": (9, "Rounds of which medians are taken."),
}


class Retrieval(_tfrs.Model):
    """As the retrieval tutorial of TFRS has it, on indices, with two hidden layers a tower."""

    def __init__(self, users: int, items: int, dim: int):
        super().__init__()
        self.user, self.item = (
            keras.Sequential(
                [
                    keras.layers.Embedding(size, dim),
                    keras.layers.Dense(2 * dim, activation="relu"),
                    keras.layers.Dense(dim),
                ]
            )
            for size in (users, items)
        )
        self.task = _tfrs.Retrieval()

    def compute_loss(self, inputs, training=False):
        return self.task(self.user(inputs["user"]), self.item(inputs["item"]))


def ranking(users: int, items: int, dim: int) -> keras.Model:
    """A functional model compiled with a loss: both embeddings, a cross layer and a dense head."""
    inputs = {name: keras.Input([], dtype="int32", name=name) for name in ("user", "item")}
    sizes = {"user": users, "item": items}
    joined = keras.layers.Concatenate()(
        [keras.layers.Embedding(sizes[name], dim)(value) for name, value in inputs.items()]
    )
    hidden = keras.layers.Dense(2 * dim, activation="relu")(_tfrs.Cross()(joined))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def batch_of(args: argparse.Namespace) -> dict[str, tf.Tensor]:
    """Uniform users and items."""
    sizes = {"user": args.users, "item": args.items}
    return {
        name: tf.random.stateless_uniform([args.batch_size], [1, place], 0, size, tf.int32)
        for place, (name, size) in enumerate(sizes.items())
    }


def steps_of(build: Callable[[], keras.Model], batch) -> dict[str, Callable]:
    """Step name -> a compiled training step of a model of its own, without arguments."""
    found = {}
    for name in (PLAIN, *FRACTIONS):
        model = build()
        if name != PLAIN:
            model = AdversarialTraining(model, fgsm(0.1, relative=True), fraction=name)
        if getattr(model, "optimizer", None) is None:
            model.compile(optimizer=keras.optimizers.SGD(0.01))
        step = tf.function(model.train_step)
        found[name if name == PLAIN else f"fraction {name:g}"] = lambda step=step: step(batch)
    return found


def measured(
    steps: dict[str, Callable], *, count: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Step name -> milliseconds of the clock and of the processor, a step, in each round."""
    passed: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for number in range(rounds + 1):  # the first traces, and is not counted
        for name, step in steps.items():
            clock, processor = time.perf_counter(), time.process_time()
            for _ in range(count):
                logs = step()
            float(logs["loss"])
            seconds = time.perf_counter() - clock, time.process_time() - processor
            if number:
                passed[name].append(tuple(1e3 * value / count for value in seconds))
    return passed


def lines(model: str, passed: dict[str, list[tuple[float, float]]]) -> list[list[str]]:
    """Lines of the table."""
    found = []
    for name, times in passed.items():
        clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
        pairs = zip(times, passed[PLAIN], strict=True)
        ratio = statistics.median(own / plain for (_, own), (_, plain) in pairs)
        found.append([model, name, f"{clock:.1f}", f"{processor:.1f}", f"{ratio:.2f}"])
    return found


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    command.add_options(parser, OPTIONS)
    command.add_report(parser, PAGE.markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    batch = batch_of(args)
    sizes = (args.users, args.items, args.dim)
    label = tf.cast(batch["user"] % 2, tf.float32)[:, None]
    models = {
        "retrieval": (lambda: Retrieval(*sizes), batch),
        "ranking": (lambda: ranking(*sizes), (batch, label)),
    }
    found = []
    for name, (build, data) in models.items():
        steps = steps_of(build, data)
        found += lines(name, measured(steps, count=args.steps, rounds=args.rounds))
    PAGE.publish(args, OPTIONS, found)


if __name__ == "__main__":
    main(sys.argv[1:])
