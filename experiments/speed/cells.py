"""One measurement of speed: a training method on a catalogue.

Each cell is measured in a process of its own, so that its memory is its own and nothing is compiled
beforehand. The first epoch, which compiles, is timed apart; speeds are medians over the epochs
after it.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.pipelines.memory import peak_memory

_EVALUATIONS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """One way to train a factorization.

    Attributes:
        optimizer: "sgd", "adagrad" or "lazy_adam".
        loss: "bpr" with one uniform negative, or "softmax" with 512 that the batch shares.
        adversarial: whether it is APR, He et al. 2018: FGSM of .5 on every looked-up vector.
        blocks: whether steps run in compiled blocks; without, they are ordinary Keras steps.
        strata: whether as many blocks as there are cores are trained at once, see `data.strata`.
    """

    optimizer: str
    loss: str = "bpr"
    adversarial: bool = False
    blocks: bool = True
    strata: bool = False


METHODS = {
    "bpr+sgd": Method(optimizer="sgd"),
    "bpr+adagrad": Method(optimizer="adagrad"),
    "bpr+lazy_adam": Method(optimizer="lazy_adam"),
    "apr+sgd": Method(optimizer="sgd", adversarial=True),
    "apr+adagrad": Method(optimizer="adagrad", adversarial=True),
    "softmax512+adagrad": Method(optimizer="adagrad", loss="softmax"),
    "bpr+sgd, strata": Method(optimizer="sgd", strata=True),
    "apr+sgd, strata": Method(optimizer="sgd", adversarial=True, strata=True),
    "bpr+adagrad, single steps": Method(optimizer="adagrad", blocks=False),
}
"""Name -> method. The last computes the same as "bpr+adagrad" and shows what blocks save."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """What one process measures.

    Attributes:
        method: name in `METHODS`.
        items, users, interactions: sizes of the generated data; not read with `data`.
        data, root: a published split in the place of generated interactions, and its folder; see
            `readers.published_splits`.
        dim: number of factors.
        batch_size: positives in a step.
        block_steps: steps in a compiled block, about.
        epochs: the first, which compiles, and those that are timed; >= 2.
        evaluated_users: the catalogue is ranked for at most so many; 0 leaves the evaluation out.
        seed: of interactions, factors and batches.

    Raises:
        ValueError: if the method is unknown or a number is too small.
    """

    method: str
    items: int = 1000
    users: int = 10_000
    interactions: int = 1_000_000
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
        ones = ("users", "interactions", "dim", "batch_size", "block_steps")
        least = {"items": 2, "epochs": 2, "evaluated_users": 0} | dict.fromkeys(ones, 1)
        for name, bound in least.items():
            value = getattr(self, name)
            if value < bound:
                raise ValueError(f"`{name}` should be >= {bound}. Received: {value!r}.")


def generated_split(items: int, users: int, interactions: int, seed: int) -> Split:
    """Interactions of uniform users with skewed items, of density ~ 1 / sqrt(item).

    Each user has one random test item, or none where that is a training item of the user.
    """
    rng = np.random.default_rng(seed)
    vocabularies = {"users": Vocabulary(np.arange(users)), "items": Vocabulary(np.arange(items))}

    def made_of(user_index, item_index):
        return Interactions(user_index=user_index, item_index=item_index, **vocabularies)

    train = made_of(
        rng.integers(users, size=interactions, dtype=np.int32),
        np.minimum(items * rng.random(interactions) ** 2, items - 1).astype(np.int32),
    )
    test = made_of(
        np.arange(users, dtype=np.int32), rng.integers(items, size=users, dtype=np.int32)
    )
    known = train.user_index.astype(np.int64) * items + train.item_index
    drawn = test.user_index.astype(np.int64) * items + test.item_index
    test = test.select(~np.isin(drawn, known))
    empty = test.select(slice(0))
    return Split(train=train, validation=empty, test=test, name="generated", settings={})


def split_of(cell: Cell) -> Split:
    """The cell's interactions, generated or read.

    Raises:
        ValueError: if there is no such data.
        FileNotFoundError: if its files are absent.
    """
    if cell.data is None:
        return generated_split(cell.items, cell.users, cell.interactions, cell.seed)
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
    from advrec_tf.data.strata import in_strata
    from advrec_tf.evaluation.ranking import RankingEvaluator
    from advrec_tf.models.objectives import BPR, SampledSoftmax
    from advrec_tf.perturbations import fgsm
    from advrec_tf.training import recipes
    from advrec_tf.training.adversarial import AdversarialTraining
    from advrec_tf.training.callbacks import NonFiniteGuard

    method = METHODS[cell.method]
    split = split_of(cell)
    train = split.train
    before = peak_memory()

    objective = SampledSoftmax(candidates=512) if method.loss == "softmax" else BPR()
    batch_size = min(cell.batch_size, len(train))
    # The loss is a mean; these are the steps that its sum would take at a rate of .05.
    optimizers = {
        "sgd": lambda: keras.optimizers.SGD(0.05 * batch_size),
        "adagrad": lambda: keras.optimizers.Adagrad(0.05, 0.1 / batch_size**2, 1e-12),
        "lazy_adam": recipes.lazy_adam(0.003),
    }
    recipe = recipes.mf_bpr(
        dim=cell.dim,
        objective=objective,
        l2=0.0,
        initial_scale=0.1,
        optimizer=lambda learning_rate: optimizers[method.optimizer],
    )
    model = recipe.build(train, seed=cell.seed)
    if method.adversarial:
        model = AdversarialTraining(model, fgsm(0.5, relative=False), fraction=1.0)
    recipe.compile(model)
    made = batches.of_pairs(train, batch_size=cell.batch_size, seed=cell.seed)
    steps = made.steps_per_epoch
    if method.strata:
        made = in_strata(train, batch_size=cell.batch_size, seed=cell.seed)
    elif method.blocks:
        made = batches.in_blocks(made, cell.block_steps)
        # Every block of an epoch has as many steps as `in_blocks` makes it.
        steps = made.steps_per_epoch * -(-steps // made.steps_per_epoch)
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
        "interactions": len(train),
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


def in_own_process(function: Callable, argument: object, what: str):
    """`function(argument)` in a fresh process.

    Args:
        what: what it does, for the message.

    Raises:
        MemoryError: if the process died, most likely for want of memory.
        Exception: what the function raises.
    """
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        try:
            return pool.submit(function, argument).result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise MemoryError(
                f"The process that measured {what} died. It may have needed more memory than "
                "there is."
            ) from error


def measure_apart(cell: Cell) -> dict:
    """`measure` in a fresh process, with `process_seconds`, its whole wall time; raises what
    `in_own_process` raises."""
    started = time.perf_counter()
    result = in_own_process(measure, cell, f"{cell.method} with {cell.items:,} items")
    return {**result, "process_seconds": time.perf_counter() - started}


def measure_all(
    cells: Sequence[Cell],
    *,
    log: Callable[[str], None] = print,
    measure: Callable[[Cell], dict] = measure_apart,
) -> list[dict]:
    """The measurements of the cells, one cell after another; one whose process died has `error` in
    the place of figures."""
    found = []
    for cell in cells:
        try:
            found.append(measure(cell))
            result = f"{found[-1]['positives_per_second']:,.0f} positives/s"
        except MemoryError as error:
            found.append({**dataclasses.asdict(cell), "error": str(error)})
            result = str(error)
        log(f"{cell.method}, {found[-1]['items']:,} items: {result}")
    return found
