"""One cell of the benchmark: a training method on a catalogue, measured.

Each is measured in a process of its own, so that its memory is its own and nothing is compiled
beforehand. A first epoch, which compiles, is timed apart; speeds are medians over the epochs
after it.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import statistics
import time

import numpy as np

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.splits import Split
from advrec_tf.pipelines.memory import peak_memory

_EVALUATIONS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """One way to train a factorization.

    Attributes:
        optimizer: "sgd", "adagrad" or "lazy_adam".
        loss: "bpr" with one uniform negative, or "softmax" with 512 that the batch shares.
        adversarial: APR, He et al. 2018: FGSM of .5 on every looked-up row.
        blocks: compiled blocks of steps; without, ordinary Keras steps.
    """

    optimizer: str
    loss: str = "bpr"
    adversarial: bool = False
    blocks: bool = True


METHODS = {
    "bpr+sgd": Method(optimizer="sgd"),
    "bpr+adagrad": Method(optimizer="adagrad"),
    "bpr+lazy_adam": Method(optimizer="lazy_adam"),
    "apr+sgd": Method(optimizer="sgd", adversarial=True),
    "apr+adagrad": Method(optimizer="adagrad", adversarial=True),
    "softmax512+adagrad": Method(optimizer="adagrad", loss="softmax"),
    "bpr+adagrad, single steps": Method(optimizer="adagrad", blocks=False),
}
"""The methods by name. The last is the control: what it computes is what "bpr+adagrad" does."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """What one process measures.

    Attributes:
        method: name of `METHODS`.
        items, users, rows: size of the generated data; of no use with `data`.
        data, root: a split of `data.benchmarks` in the place of generated rows, and where it
            is.
        dim: factors.
        batch_size: positives a step.
        block_steps: steps a compiled block has, about.
        epochs: the first, which compiles, and those that are timed; >= 2.
        evaluated_users: rank the catalogue for at most so many; 0 leaves the evaluation out.
        seed: of rows, factors and batches.

    Raises:
        ValueError: if the method is unknown or a number is too small.
    """

    method: str
    items: int = 1000
    users: int = 10_000
    rows: int = 1_000_000
    data: str | None = None
    root: str | None = None
    dim: int = 64
    batch_size: int = 512
    block_steps: int = 200
    epochs: int = 4
    evaluated_users: int = 1000
    seed: int = 0

    def __post_init__(self):
        if self.method not in METHODS:
            names = ", ".join(f"'{name}'" for name in METHODS)
            raise ValueError(f"`method` should be one of {names}. Received: {self.method!r}.")
        least = {"items": 2, "users": 1, "rows": 1, "dim": 1, "batch_size": 1, "block_steps": 1}
        for name, bound in {**least, "epochs": 2, "evaluated_users": 0}.items():
            value = getattr(self, name)
            if value < bound:
                raise ValueError(f"`{name}` should be >= {bound}. Received: {value!r}.")


def generated_split(items: int, users: int, rows: int, seed: int) -> Split:
    """Rows of uniform users and skewed items (density ~ 1 / sqrt(item)); a test row a user.

    A user whose random test item is among its rows has none.
    """
    rng = np.random.default_rng(seed)
    vocabularies = {"users": Vocabulary(np.arange(users)), "items": Vocabulary(np.arange(items))}

    def interactions(user_index, item_index):
        return Interactions(user_index=user_index, item_index=item_index, **vocabularies)

    train = interactions(
        rng.integers(users, size=rows, dtype=np.int32),
        np.minimum(items * rng.random(rows) ** 2, items - 1).astype(np.int32),
    )
    test = interactions(
        np.arange(users, dtype=np.int32), rng.integers(items, size=users, dtype=np.int32)
    )
    known = train.user_index.astype(np.int64) * items + train.item_index
    drawn = test.user_index.astype(np.int64) * items + test.item_index
    test = test.select(~np.isin(drawn, known))
    empty = test.select(slice(0))
    return Split(train=train, validation=empty, test=test, name="generated", settings={})


def split_of(cell: Cell) -> Split:
    """The cell's rows, generated or read.

    Raises:
        ValueError: if there is no such data.
        FileNotFoundError: if its files are absent.
    """
    if cell.data is None:
        return generated_split(cell.items, cell.users, cell.rows, cell.seed)
    from advrec_tf.data.readers.published_splits import load_benchmark

    return load_benchmark(cell.data, cell.root)


def measure(cell: Cell) -> dict:
    """Train and rank in this process.

    Returns:
        The cell's settings with the sizes of its data, and
        `steps_per_epoch`, `first_epoch_seconds`, `epoch_seconds` (median of the others),
        `positives_per_second`, `milliseconds_per_step`, `evaluated_users_per_second` (absent
        without evaluation), `peak_megabytes` of the process so far, of which
        `megabytes_before` (libraries and data) before there was a model, `devices`.
    """
    import tensorflow as tf
    from tensorflow import keras

    from advrec_tf.data import batches
    from advrec_tf.evaluation.ranking import RankingEvaluator
    from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
    from advrec_tf.perturbations import fgsm
    from advrec_tf.training.adversarial import AdversarialTraining
    from advrec_tf.training.callbacks import NonFiniteGuard
    from advrec_tf.training.optimizers import LazyAdam

    method = METHODS[cell.method]
    split = split_of(cell)
    train = split.train
    before = peak_memory()

    sampled = {"loss": "softmax", "count": 512} if method.loss == "softmax" else {}
    model = MatrixFactorization(train, dim=cell.dim, seed=cell.seed, **sampled)
    if method.adversarial:
        model = AdversarialTraining(model, fgsm(0.5), fraction=1.0)
    made = batches.of_pairs(train, batch_size=cell.batch_size, seed=cell.seed)
    batch_size = min(cell.batch_size, len(train))
    steps = made.steps_per_epoch
    if method.blocks:
        made = batches.in_blocks(made, cell.block_steps)
        # Every block of an epoch has as many steps as `in_blocks` makes it.
        steps = made.steps_per_epoch * -(-steps // made.steps_per_epoch)
    # The loss is a mean; these are the steps that its sum would take at a rate of .05.
    model.compile(
        optimizer={
            "sgd": lambda: keras.optimizers.SGD(0.05 * batch_size),
            "adagrad": lambda: keras.optimizers.Adagrad(0.05, 0.1 / batch_size**2, 1e-12),
            "lazy_adam": lambda: LazyAdam(0.003),
        }[method.optimizer]()
    )
    seconds, started = [], [0.0]
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: started.__setitem__(0, time.perf_counter()),
        on_epoch_end=lambda epoch, logs: seconds.append(time.perf_counter() - started[0]),
    )
    model.fit(
        made.dataset(0),
        steps_per_epoch=made.steps_per_epoch,
        epochs=cell.epochs,
        callbacks=[clock, NonFiniteGuard()],
        verbose=0,
    )
    first, *others = seconds
    epoch_seconds = statistics.median(others)
    result = {
        **dataclasses.asdict(cell),
        "items": train.num_items,
        "users": train.num_users,
        "rows": len(train),
        "batch_size": batch_size,
        "steps_per_epoch": steps,
        "first_epoch_seconds": first,
        "epoch_seconds": epoch_seconds,
        "positives_per_second": steps * batch_size / epoch_seconds,
        "milliseconds_per_step": 1e3 * epoch_seconds / steps,
    }
    if cell.evaluated_users:
        evaluator = RankingEvaluator(
            train,
            split.test,
            also_seen=split.validation,
            users=np.unique(split.test.user_index)[: cell.evaluated_users],
        )
        evaluator.evaluate(model)  # the first call prepares
        result["evaluated_users_per_second"] = statistics.median(
            evaluator.evaluate(model).users_per_second for _ in range(_EVALUATIONS)
        )
    return {
        **result,
        "peak_megabytes": peak_memory(),
        "megabytes_before": before,
        "devices": [device.device_type for device in tf.config.list_logical_devices()],
    }


def measure_apart(cell: Cell) -> dict:
    """`measure` in a fresh process, with `process_seconds`, its whole wall time.

    Raises:
        ValueError, OSError: what `measure` raises.
        MemoryError: if the process died, most likely for want of memory.
    """
    started = time.perf_counter()
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        try:
            result = pool.submit(measure, cell).result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise MemoryError(
                f"The process that measured {cell.method} with {cell.items:,} items died; it may "
                "have needed more memory than there is."
            ) from error
    return {**result, "process_seconds": time.perf_counter() - started}
