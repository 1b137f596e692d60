"""The rows over several seeds, and paired tests of them against the plain network.

The first seed chooses the settings and has all rows; the others repeat those that carry a claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advrec_tf.data.splits import Split
from advrec_tf.pipelines.stages import StageStore
from experiments.harness.compare import paired_tests
from experiments.next_item_robustness import rows
from experiments.next_item_robustness.study import EDITS_AGAIN, RANDOM, SEARCHES, Robustness

CLEAN = "clean"
MEASURES = {CLEAN: (RANDOM, 0)} | {search: (search, EDITS_AGAIN) for search in SEARCHES}
"""What is tested: name -> search and budget."""


def polluted(
    split: Split,
    store: StageStore,
    *,
    seeds: int,
    without: Sequence[str] = (),
    priced: Sequence[str] = (),
    repeated: Sequence[str] = (),
) -> list[tuple[Robustness, dict[str, dict]]]:
    """Each seed with its rows, see `Robustness.pollution`; of those after the first `repeated` and
    the plain network, or all where none is named."""
    first = Robustness(split, store, 0)
    found = [(first, first.pollution(without, priced))]
    settings = {label: row["strength"] for label, row in found[0][1].items() if "strength" in row}
    again = {rows.PLAIN, *repeated} if repeated else set(rows.LABELS)
    left_out = {*without, *priced, *(label for label in rows.LABELS if label not in again)}
    for seed in range(1, seeds):
        other = Robustness(split, store, seed, settings=settings)
        found.append((other, other.pollution(left_out)))
    return found


def tests(found: Sequence[tuple[Robustness, Mapping[str, dict]]]) -> dict[str, dict[str, dict]]:
    """Label -> measure of `MEASURES` -> paired test against the plain network, as JSON values.

    Pairs are users, with the mean over the seeds that have the row; of rows whose attacks kept the
    values of each user.
    """
    compared = {}
    for label in found[0][1]:
        having = [one for one in found if "curves" in one[1].get(label, {})]
        if label != rows.PLAIN and having:
            values, plain = _of_users(having, label), _of_users(having, rows.PLAIN)
            there = {name: of_users for name, of_users in values.items() if name in plain}
            if there:
                compared[label] = paired_tests(there, plain)
    return compared


def _of_users(
    found: Sequence[tuple[Robustness, Mapping[str, dict]]], label: str
) -> dict[str, np.ndarray]:
    """Measure -> [users], the mean over seeds."""
    seeds = [one.of_users(label, row[label].get("strength")) for one, row in found]
    return {
        measure: np.mean([seed[at] for seed in seeds], axis=0)
        for measure, at in MEASURES.items()
        if all(at in seed for seed in seeds)
    }
