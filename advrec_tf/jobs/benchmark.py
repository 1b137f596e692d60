"""How fast the package trains and ranks as the catalogue grows, and beside other libraries.

A *cell* is one training method on one catalogue. Each is measured in a process of its own, so
that its memory is its own and nothing is compiled beforehand. A first epoch, which compiles,
is timed apart; speeds are medians over the epochs after it. Nothing here says whether a model
is any good.

The module itself loads no TensorFlow, so that a mistake in the arguments answers at once.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import os
import re
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.splits import Split
from advrec_tf.jobs.memory import peak_memory

_RATE_LINE = re.compile(r"^\s*positives/s:\s*([0-9.eE+]+)\s*$", re.MULTILINE)
_EVALUATIONS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """One way to train a factorisation.

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
    from advrec_tf.data.benchmarks import load_benchmark

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
    from advrec_tf.models.factorisation import MatrixFactorisation
    from advrec_tf.perturbations import fgsm
    from advrec_tf.training.adversarial import AdversarialTraining
    from advrec_tf.training.callbacks import NonFiniteGuard
    from advrec_tf.training.optimizers import LazyAdam

    method = METHODS[cell.method]
    split = split_of(cell)
    train = split.train
    before = peak_memory()

    sampled = {"loss": "softmax", "count": 512} if method.loss == "softmax" else {}
    model = MatrixFactorisation(train, dim=cell.dim, seed=cell.seed, **sampled)
    if method.adversarial:
        model = AdversarialTraining(model, fgsm(0.5), share=1.0)
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


def measure_all(
    cells: Sequence[Cell],
    *,
    write: Callable[[str], None] = print,
    measure: Callable[[Cell], dict] = measure_apart,
) -> list[dict]:
    """The cells one after another, a line each; one that dies has `error` in the place of
    figures."""
    rows = []
    for cell in cells:
        try:
            rows.append(measure(cell))
        except MemoryError as error:
            rows.append({**dataclasses.asdict(cell), "error": str(error)})
        line = "  ".join(f"{h} {c}" for h, c in zip(_HEADS, _figures(rows[-1])) if c)
        write(f"{rows[-1]['method']}: {line}" + f"{rows[-1].get('error', '')}")
    return rows


# Beside another library.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """One method beside another library's command, in turns on one machine.

    Attributes:
        method: name of `METHODS`.
        items: size of the catalogue.
        unit: "positives/s", or "seconds" of the whole process where the command prints none.
        ours, theirs: [rounds] in that unit.
        times_as_fast: [rounds], how many times as fast ours is.
        median: of `times_as_fast`.
        settings: of the cell, with the sizes of its data.
    """

    method: str
    items: int
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    times_as_fast: tuple[float, ...]
    median: float
    settings: dict


def beside(
    cell: Cell,
    command: str,
    *,
    rounds: int,
    folder: str | os.PathLike,
    measure: Callable[[Cell], dict] = measure_apart,
) -> Comparison:
    """Measure ours, run the command, and so on for `rounds`; both see the machine's same moods.

    In the command `{pairs}` stands for a .npy file of the very training rows, [rows, 2] int32
    of (user, item), and `{items} {users} {rows} {dim} {batch_size} {epochs}` for the cell's
    numbers. If it prints a line "positives/s: X", this is compared with ours; if not, its
    wall time with that of our whole process, start and compilation included, in which case it
    should train as many epochs.

    Raises:
        ValueError: if `rounds` < 1, or the command fails or prints a rate in some rounds only.
        FileNotFoundError: if there is no such program.
    """
    if rounds < 1:
        raise ValueError(f"`rounds` should be >= 1. Received: {rounds!r}.")
    cell = dataclasses.replace(cell, evaluated_users=0)
    train = split_of(cell).train
    pairs = Path(folder) / "pairs.npy"
    np.save(pairs, np.stack([train.user_index, train.item_index], axis=1).astype(np.int32))
    numbers = {"items": train.num_items, "users": train.num_users, "rows": len(train)}
    numbers |= {name: getattr(cell, name) for name in ("dim", "batch_size", "epochs")}
    words = shlex.split(command)
    for name, value in {"pairs": pairs, **numbers}.items():
        words = [word.replace("{" + name + "}", str(value)) for word in words]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(measure(cell))
        theirs.append(_run(words))
    rates = [rate for rate, _ in theirs if rate is not None]
    if rates and len(rates) < rounds:
        raise ValueError(
            "`beside` should print a line 'positives/s: X' in every round or in none. "
            f"Received {len(rates)} in {rounds} rounds."
        )
    unit = "positives/s" if rates else "seconds"
    own = [row["positives_per_second" if rates else "process_seconds"] for row in ours]
    other = rates or [seconds for _, seconds in theirs]
    quicker = [a / b if rates else b / a for a, b in zip(own, other, strict=True)]
    return Comparison(
        method=cell.method,
        items=train.num_items,
        unit=unit,
        ours=tuple(own),
        theirs=tuple(other),
        times_as_fast=tuple(quicker),
        median=statistics.median(quicker),
        settings={**dataclasses.asdict(cell), **numbers},
    )


def _run(words: Sequence[str]) -> tuple[float | None, float]:
    """(positives/s where printed, wall seconds) of a command."""
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise ValueError(
            f"`beside` should end with status 0. Received: {done.returncode} from "
            f"{shlex.join(words)}: {(done.stderr or done.stdout).strip()[-500:]}"
        )
    found = _RATE_LINE.findall(done.stdout)
    if found and not float(found[-1]) > 0:
        raise ValueError(f"`beside` should print positives/s > 0. Received: {found[-1]}.")
    return (float(found[-1]) if found else None), seconds


# What is shown.

_HEADS = (
    "items",
    "positives/s",
    "s/epoch",
    "ms/step",
    "first epoch s",
    "users/s ranked",
    "peak MB",
    "before model MB",
)
_GROWING = {
    "milliseconds_per_step": "time of a step",
    "evaluated_users_per_second": "users ranked a second",
    "peak_megabytes": "peak memory",
}
LEGEND = (
    "s/epoch: median of the epochs after the first, which compiles (`first epoch s`). users/s "
    "ranked: full ranking with all metrics. peak MB: largest resident memory of the cell's own "
    "process; before model MB: of which libraries and data. Growth: as a multiple of the same "
    "method's smallest catalogue, at the same batch size."
)


def _figures(row: dict) -> tuple[str, ...]:
    """The cells of one line, in the order of `_HEADS`; empty where nothing was measured."""
    if "error" in row:
        return (f"{row['items']:,}", *[""] * (len(_HEADS) - 1))
    ranked = row.get("evaluated_users_per_second")
    return (
        f"{row['items']:,}",
        f"{row['positives_per_second']:,.0f}",
        f"{row['epoch_seconds']:.3f}",
        f"{row['milliseconds_per_step']:.3f}",
        f"{row['first_epoch_seconds']:.2f}",
        "" if ranked is None else f"{ranked:,.0f}",
        f"{row['peak_megabytes']:,.0f}",
        f"{row['megabytes_before']:,.0f}",
    )


def growth(rows: Sequence[dict]) -> list[dict]:
    """For each method and figure, its multiples of that on the method's smallest catalogue.

    Returns:
        Rows of `method`, `figure` (a name of a measurement) and `ratio`, {items: multiple}.
        A method with fewer than two measured catalogues, or a figure that was not measured on
        all, has none.
    """
    found = []
    measured = [row for row in rows if "error" not in row]
    for method in dict.fromkeys(row["method"] for row in measured):
        own = sorted((r for r in measured if r["method"] == method), key=lambda r: r["items"])
        for figure in _GROWING:
            if len(own) > 1 and all(figure in row for row in own):
                ratio = {row["items"]: row[figure] / own[0][figure] for row in own}
                found.append({"method": method, "figure": figure, "ratio": ratio})
    return found


def tables(rows: Sequence[dict], comparisons: Sequence[Comparison] = ()) -> list[list[tuple]]:
    """What was measured as tables of text, each with its head first; only those with a line."""
    found = []
    if rows:
        cells = [(row["method"], *_figures(row), row.get("error", "")) for row in rows]
        found.append([("method", *_HEADS, "failed"), *cells])
        if not any(row[-1] for row in cells):
            found[-1] = [row[:-1] for row in found[-1]]
    grown = growth(rows)
    if grown:
        sizes = sorted(set(itertools.chain(*(row["ratio"] for row in grown))))
        found.append(
            [("growth", "of", *(f"{size:,}" for size in sizes))]
            + [
                (
                    row["method"],
                    _GROWING[row["figure"]],
                    *(_multiple(row["ratio"][s]) if s in row["ratio"] else "" for s in sizes),
                )
                for row in grown
            ]
        )
    if comparisons:
        found.append(
            [("beside", "items", "unit", "ours", "theirs", "times as fast", "least", "most")]
            + [
                (
                    c.method,
                    f"{c.items:,}",
                    c.unit,
                    _number(statistics.median(c.ours)),
                    _number(statistics.median(c.theirs)),
                    f"x{c.median:.2f}",
                    f"x{min(c.times_as_fast):.2f}",
                    f"x{max(c.times_as_fast):.2f}",
                )
                for c in comparisons
            ]
        )
    return found


def _multiple(value: float) -> str:
    return f"x{value:.2f}" if value >= 0.1 else f"x{value:.2g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def aligned(table: Sequence[tuple]) -> list[str]:
    """Lines of text with the columns under each other, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def write_report(
    folder: str | os.PathLike,
    rows: Sequence[dict],
    comparisons: Sequence[Comparison],
    *,
    where: dict,
    command: str,
) -> list[Path]:
    """Write `benchmark.json` and `benchmark.md` to `folder`, and give their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "command": command,
        "machine": where,
        "cells": list(rows),
        "growth": growth(rows),
        "beside": [dataclasses.asdict(comparison) for comparison in comparisons],
    }
    lines = ["# Speed", "", f"Made by `{command}`.", ""]
    lines += ["On " + ", ".join(f"{name} {value}" for name, value in where.items()) + ".", ""]
    for cell in [*rows, *(comparison.settings for comparison in comparisons)][:1]:
        rows_of = cell["data"] or f"{cell['users']:,} users, {cell['rows']:,} generated rows"
        lines += [
            f"Data: {rows_of}; {cell['dim']} factors, {cell['batch_size']} positives a step, "
            f"{cell['epochs']} epochs.",
            "",
        ]
    for table in tables(rows, comparisons):
        head, *body = ["| " + " | ".join(row) + " |" for row in table]
        lines += [head, "|" + "---|" * len(table[0]), *body, ""]
    lines += [LEGEND]
    paths = [folder / "benchmark.json", folder / "benchmark.md"]
    paths[0].write_text(json.dumps(content, indent=2) + "\n")
    paths[1].write_text("\n".join(lines) + "\n")
    return paths
