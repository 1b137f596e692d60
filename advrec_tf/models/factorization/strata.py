"""Trains the strata of an epoch at once: a thread and a compiled block of steps for each.

`data.strata` cuts the epochs. Each thread has tables of its own for its groups of users and items,
so nothing is locked and the result does not depend on which is first. The steps are those of
`sparse_model`.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.strata import COLUMNS

BLOCK = 200
"""Steps of a block at most: those of a stratum come one block after another."""

Variables = dict[str, list[tf.Variable]]
"""Table -> its variable and those of the optimizer that have its shape."""


@dataclasses.dataclass(frozen=True)
class Group:
    """What one thread trains.

    Attributes:
        tables: of its group of users and its group of items.
        steps: the compiled function of its blocks, see `SparseEmbeddingModel`.
    """

    tables: Variables
    steps: Callable[..., dict[str, tf.Tensor]]


class StrataTrainer:
    """The threads of one model and optimizer.

    Args:
        whole: the variables of the tables "users" and "items" of the model.
        compiled: the tables of a group -> the compiled function of its blocks.
    """

    def __init__(self, whole: Variables, compiled: Callable[[Variables], Callable]):
        self.whole = whole
        self.compiled = compiled
        self.groups: list[Group] = []
        self.length = 0  # of a block: any, but the same in all epochs, or it is compiled again

    def train(self, epoch: dict[str, np.ndarray], rate: float, done: float) -> dict[str, float]:
        """Train an epoch of `data.strata`; the means over its steps of what the steps log."""
        rows = {"users": epoch["user_rows"], "items": epoch["item_rows"]}
        count = len(rows["users"])
        if not self.groups:
            self.groups = [self._group(rows) for _ in range(count)]
            self.length = min(BLOCK, -(-len(epoch["weight"]) // count**2))
        sums: dict[str, float] = {}
        bounds = epoch["bounds"]
        for group, own in zip(self.groups, rows["users"], strict=True):
            self._read("users", group, own)
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            for turn in range(count):
                items = np.roll(rows["items"], -turn, axis=0)
                for group, own in zip(self.groups, items, strict=True):
                    self._read("items", group, own)
                first = [turn * count + place for place in range(count)]
                running = [
                    pool.submit(self._stratum, group, epoch, bounds[s : s + 2], rate, done)
                    for s, group in zip(first, self.groups, strict=True)
                ]
                for future in running:
                    for name, total in future.result().items():
                        sums[name] = sums.get(name, 0.0) + total
                for group, own in zip(self.groups, items, strict=True):
                    self._write("items", group, own)
                done += float(bounds[first[-1] + 1] - bounds[first[0]])
        for group, own in zip(self.groups, rows["users"], strict=True):
            self._write("users", group, own)
        return {name: total / bounds[-1] for name, total in sums.items()}

    def _stratum(self, group: Group, epoch, bounds, rate: float, done: float) -> dict[str, float]:
        """The steps from bounds[0] to bounds[1]; the sums over them of what they log."""
        start, stop = (int(bound) for bound in bounds)
        sums: dict[str, float] = {}
        for first in range(start, stop, self.length):
            steps = min(self.length, stop - first)
            block = {
                name: _padded(epoch[name][first : first + steps], self.length)
                for name in (*COLUMNS, "weight", "seed")
            }
            means = group.steps(
                block, tf.constant(rate), tf.constant(done + first - start), tf.constant(steps)
            )
            for name, mean in means.items():
                sums[name] = sums.get(name, 0.0) + float(mean) * steps
        return sums

    def _group(self, rows: dict[str, np.ndarray]) -> Group:
        tables = {
            name: [tf.Variable(tf.zeros([rows[name].shape[1], *v.shape[1:]])) for v in variables]
            for name, variables in self.whole.items()
        }
        return Group(tables, self.compiled(tables))

    def _read(self, name: str, group: Group, rows: np.ndarray) -> None:
        for own, whole in zip(group.tables[name], self.whole[name], strict=True):
            own.assign(tf.gather(whole, np.maximum(rows, 0)))

    def _write(self, name: str, group: Group, rows: np.ndarray) -> None:
        size = int((rows >= 0).sum())
        for own, whole in zip(group.tables[name], self.whole[name], strict=True):
            whole.scatter_update(tf.IndexedSlices(own[:size], rows[:size]))


def train_at_once(
    trainer: StrataTrainer,
    epoch: dict[str, tf.Tensor],
    rate: tf.Tensor,
    done: tf.Tensor,
    logged: Sequence[str],
) -> dict[str, tf.Tensor]:
    """`trainer.train` as an operation of a graph: a graph itself would run one block at a time."""
    names = list(epoch)

    def run(rate, done, *columns):
        found = {name: column.numpy() for name, column in zip(names, columns, strict=True)}
        means = trainer.train(found, float(rate), float(done))
        return [means[name] for name in logged]

    values = tf.py_function(run, [rate, done, *epoch.values()], [tf.float32] * len(logged))
    for value in values:
        value.set_shape([])
    return dict(zip(logged, values, strict=True))


def first_batch(block: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The first step of a block, or of an epoch of strata with the rows of the whole tables."""
    first = {name: column[0] for name, column in block.items()}
    if "bounds" not in block:
        return first
    groups = {"user_index": "user_rows", "item_index": "item_rows", "negative": "item_rows"}
    return first | {n: tf.gather(block[rows][0], first[n]) for n, rows in groups.items()}


def _padded(column: np.ndarray, length: int) -> np.ndarray:
    if len(column) == length:
        return column
    return np.concatenate(
        [column, np.zeros([length - len(column), *column.shape[1:]], column.dtype)]
    )
