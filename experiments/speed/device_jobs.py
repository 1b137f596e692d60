"""What `experiments.speed.devices` measures: trainings, rankings and lists of invented data.

A job makes what is timed from the sizes; TensorFlow is loaded by the process that runs it.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from experiments.speed.cells import generated_split
from experiments.speed.next_item_steps import LENGTH, histories

PRECISIONS = ("float32", "mixed_bfloat16")
_EPOCHS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """What is measured: the options, and whose turn it is.

    Attributes:
        job: name in `JOBS`.
    """

    job: str
    items: int
    users: int
    interactions: int
    batch_size: int
    steps: int


Timed = tuple[Callable[[int], list[float]], int]
"""Epochs -> the seconds of each; and the examples of one."""


def _pairs(sizes: Sizes):
    return generated_split(sizes.items, sizes.users, sizes.interactions, seed=0).train


def _fitting(model, dataset, sizes: Sizes, batch_size: int, *, blocks: int | None = None) -> Timed:
    from advrec_tf._keras import keras

    def timed(epochs: int) -> list[float]:
        marks: list[float] = []
        clock = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: marks.append(time.perf_counter()),
            on_epoch_end=lambda epoch, logs: marks.append(time.perf_counter()),
        )
        steps = blocks or sizes.steps
        model.fit(dataset, steps_per_epoch=steps, epochs=epochs, callbacks=[clock], verbose=0)
        return [end - start for start, end in zip(marks[::2], marks[1::2], strict=True)]

    return timed, sizes.steps * batch_size


def _repeated(once: Callable[[], object], examples: int) -> Timed:
    def timed(epochs: int) -> list[float]:
        seconds = []
        for _ in range(epochs):
            started = time.perf_counter()
            once()
            seconds.append(time.perf_counter() - started)
        return seconds

    return timed, examples


def _towers(sizes: Sizes, wrap=lambda model: model) -> Timed:
    from advrec_tf.training import recipes

    recipe, train = recipes.two_tower(batch_size=sizes.batch_size), _pairs(sizes)
    model = recipe.build(train, seed=0)
    trained = wrap(model)
    recipe.compile(trained)
    dataset = recipe.batches(model, train, seed=0).dataset(0)
    return _fitting(trained, dataset, sizes, sizes.batch_size)


def _hardened(model, fraction: float):
    from advrec_tf.perturbations import fgsm
    from advrec_tf.training.adversarial import AdversarialTraining

    return AdversarialTraining(model, fgsm(0.1, relative=True), fraction=fraction)


def _factorization(sizes: Sizes, wrap=lambda model: model) -> Timed:
    from advrec_tf.data import batches
    from advrec_tf.training import recipes

    recipe, train = recipes.mf_bpr(batch_size=sizes.batch_size), _pairs(sizes)
    trained = wrap(recipe.build(train, seed=0))
    recipe.compile(trained)
    made = batches.of_pairs(train, batch_size=sizes.batch_size, seed=0)
    made = batches.in_blocks(dataclasses.replace(made, steps_per_epoch=sizes.steps), sizes.steps)
    return _fitting(trained, made.dataset(0), sizes, sizes.batch_size, blocks=1)


def _next_item(sizes: Sizes, objective: str, wrap=lambda model: model) -> Timed:
    from advrec_tf.data.windows import of_windows, training_windows
    from advrec_tf.models.objectives import SampledSoftmax
    from advrec_tf.models.sequential.encoders import EncoderSize
    from advrec_tf.models.sequential.objectives import FullSoftmax
    from advrec_tf.models.sequential.published import sasrec
    from advrec_tf.training.optimizers import LazyAdam

    losses = {"full": FullSoftmax(), "sampled": SampledSoftmax(candidates=512)}
    data, batch_size = histories(sizes.items, sizes.users), max(1, sizes.batch_size // 16)
    size = EncoderSize(length=LENGTH, dim=64)
    model = wrap(sasrec(data, size=size, objective=losses[objective]))
    model.compile(optimizer=LazyAdam(1e-3))
    made = of_windows(training_windows(data, LENGTH), batch_size=batch_size, seed=0)
    return _fitting(model, made.dataset(0), sizes, batch_size)


def _gan(sizes: Sizes) -> Timed:
    """Rows of 64 columns between two networks of 256 units in two layers."""
    import tensorflow as tf

    from advrec_tf._keras import keras
    from advrec_tf.gan.base import GAN

    def network(inputs: int, outputs: int):
        hidden = [keras.layers.Dense(256, activation="relu") for _ in range(2)]
        return keras.Sequential([keras.Input([inputs]), *hidden, keras.layers.Dense(outputs)])

    model = GAN(network(32, 64), network(64, 1))
    model.compile(
        d_optimizer=keras.optimizers.Adam(1e-4),
        g_optimizer=keras.optimizers.Adam(1e-4),
        jit_compile=True,
    )
    rows = tf.random.stateless_normal([4 * sizes.batch_size, 64], seed=[0, 0])
    dataset = tf.data.Dataset.from_tensor_slices(rows).repeat()
    dataset = dataset.batch(sizes.batch_size, drop_remainder=True).prefetch(2)
    return _fitting(model, dataset, sizes, sizes.batch_size)


def _vectors(sizes: Sizes):
    from experiments.speed.full_ranking import random_vectors

    split = generated_split(sizes.items, sizes.users, sizes.interactions, seed=0)
    return split, random_vectors(split.train, 64)


def _ranking(sizes: Sizes) -> Timed:
    """Full ranking with all metrics; a step is 256 users."""
    from advrec_tf.evaluation.ranking import RankingEvaluator

    split, model = _vectors(sizes)
    users = np.unique(split.test.user_index)[: 256 * sizes.steps]
    evaluator = RankingEvaluator(split.train, split.test, users=users)
    return _repeated(lambda: evaluator.evaluate(model), len(users))


def _lists(sizes: Sizes, index: str) -> Timed:
    """Lists of ten from the graph of an export; a step is a request for 64 users."""
    import tensorflow as tf

    from advrec_tf.serving.forms import served_form

    split, model = _vectors(sizes)
    # Vectors without structure: the index finds of them what it finds, at a fixed effort.
    form = served_form(model, index=index, recall=0.5)
    recommend = form.signatures()["serving_default"]
    names = split.train.users.ids[:64].astype(str)
    users = tf.constant(np.resize(names, 64))

    def answers():
        for _ in range(sizes.steps):
            answer = recommend(user_id=users)
        return [value.numpy() for value in answer.values()]

    return _repeated(answers, 64 * sizes.steps)


def _wrapped(fraction: float) -> Callable:
    return functools.partial(_hardened, fraction=fraction)


JOBS: dict[str, tuple[Callable[[Sizes], Timed], Sequence[str]]] = {
    "two-tower": (_towers, PRECISIONS),
    "two-tower, FGSM on a fifth": (functools.partial(_towers, wrap=_wrapped(0.2)), PRECISIONS),
    "MF-BPR, blocks": (_factorization, PRECISIONS[:1]),
    "APR, blocks": (functools.partial(_factorization, wrap=_wrapped(1.0)), PRECISIONS[:1]),
    "SASRec, sampled softmax": (functools.partial(_next_item, objective="sampled"), PRECISIONS),
    "SASRec, full softmax": (functools.partial(_next_item, objective="full"), PRECISIONS),
    "SASRec, sampled softmax, FGSM on a fifth": (
        functools.partial(_next_item, objective="sampled", wrap=_wrapped(0.2)),
        PRECISIONS,
    ),
    "GAN pair": (_gan, PRECISIONS[:1]),
    "full ranking": (_ranking, PRECISIONS[:1]),
    "served lists, exact": (functools.partial(_lists, index="exact"), PRECISIONS[:1]),
    "served lists, index": (functools.partial(_lists, index="ivf"), PRECISIONS[:1]),
}
"""Name -> (what is timed, the precisions it knows)."""


def measure(sizes: Sizes) -> list[dict]:
    """Run a job in this process, in each precision: its sizes with `precision`, `first_seconds`,
    `milliseconds_per_step`, `examples_per_second` and, on a GPU, `gpu_megabytes`."""
    make, precisions = JOBS[sizes.job]
    return [_measured(make, sizes, precision) for precision in precisions]


def _measured(make: Callable[[Sizes], Timed], sizes: Sizes, precision: str) -> dict:
    import tensorflow as tf

    from advrec_tf._keras import keras

    keras.mixed_precision.set_global_policy(precision)
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    if on_gpu:
        tf.config.experimental.reset_memory_stats("GPU:0")
    timed, examples = make(sizes)
    first, *others = timed(1 + _EPOCHS)
    median = statistics.median(others)
    found = {
        **dataclasses.asdict(sizes),
        "precision": precision,
        "first_seconds": first,
        "milliseconds_per_step": 1e3 * median / sizes.steps,
        "examples_per_second": examples / median,
    }
    if on_gpu:
        found["gpu_megabytes"] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
    return found
