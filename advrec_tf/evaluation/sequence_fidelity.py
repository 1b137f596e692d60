"""How like real behavior are generated sequences? Measured against sequences held out.

Every distance stands beside the same distance for real training sequences, as many of them:
on samples of that size nothing could be nearer than about that. Distances are total variations,
half the sum of absolute differences, in [0, 1]. Measures of table rows are in `fidelity`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from advrec_tf.data.sequences import NONE, Sequences
from advrec_tf.evaluation.two_sample import two_sample_auc
from advrec_tf.models.item_similarity import sign_groups
from advrec_tf.tabular import schema as table_schema

FEWEST_DISTINCT = 0.5
FEWEST_ITEMS = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequenceQuality:
    """Figures of one source.

    Attributes:
        popularity: distance of the item shares.
        bigrams: distance of the shares of (item, next item).
        group_bigrams: the same for groups of items alike (`item_similarity.sign_groups`), which
            are few enough to be counted well.
        auc: of a classifier that tells generated from held-out sequences by popularity, likeness
            of neighbors and mean vector; .5 is perfect.
        distinct: distinct sequences over all.
        effective_items: exp(entropy of the item shares), in items.
        repeats: share of places that hold an item of the same sequence again.
        copies: share of sequences that stand in the training sequences.
    """

    popularity: float
    bigrams: float
    group_bigrams: float
    auc: float
    distinct: float
    effective_items: float
    repeats: float
    copies: float

    def as_dict(self) -> dict[str, float]:
        return dataclasses.asdict(self)


def total_variation(first: np.ndarray, second: np.ndarray) -> float:
    """Half the sum of |first - second|: 0 for equal shares, 1 where nothing overlaps."""
    return float(0.5 * np.abs(first - second).sum())


def _pair_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Total variation of the shares of two lists of keys."""
    keys, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    shares = [
        np.bincount(part, minlength=len(keys)) / len(part)
        for part in (index[: len(first)], index[len(first) :])
    ]
    return total_variation(*shares)


def measure(
    generated: Sequences,
    held_out: Sequences,
    train: Sequences,
    item_vectors: np.ndarray,
    *,
    seed: int = 0,
) -> SequenceQuality:
    """All figures of `generated` against `held_out`; `train` says what is a copy.

    Args:
        item_vectors: [num_items, dim >= 2], what tells items alike; of the training rows.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if there are too few sequences for the classifier, or lengths differ.
    """
    if generated.length != held_out.length:
        raise ValueError(
            "`generated` and `held_out` should be equally long. "
            f"Received: {generated.length} and {held_out.length}."
        )
    groups = sign_groups(item_vectors)
    frames = [features(s, train, item_vectors) for s in (held_out, generated)]
    schema = table_schema.infer(pd.concat(frames, ignore_index=True), source="sequences")
    there = generated.items != NONE
    shares = generated.item_shares()
    known = {row.tobytes() for row in train.items}
    rows = [row.tobytes() for row in np.ascontiguousarray(generated.items)]
    ordered = np.sort(np.where(there, generated.items, -1 - np.arange(generated.length)), axis=1)
    again = (ordered[:, 1:] == ordered[:, :-1]).sum()
    return SequenceQuality(
        popularity=total_variation(shares, held_out.item_shares()),
        bigrams=_pair_distance(generated.pairs(), held_out.pairs()),
        group_bigrams=_pair_distance(
            *(_grouped(s.pairs(), groups, s.num_items) for s in (generated, held_out))
        ),
        auc=two_sample_auc(*frames, schema, seed=seed),
        distinct=len(set(rows)) / len(rows),
        effective_items=float(np.exp(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())),
        repeats=float(again / there.sum()),
        copies=float(np.mean([row in known for row in rows])),
    )


def collapse(quality: SequenceQuality, reference: SequenceQuality) -> str | None:
    """What is said of a generator that writes the same over and over, or None.

    Collapsed is who writes under `FEWEST_DISTINCT` of the reference's share of distinct
    sequences, or spreads over under `FEWEST_ITEMS` of its effective items.
    """
    if quality.distinct < FEWEST_DISTINCT * reference.distinct:
        return (
            f"collapsed: {quality.distinct:.0%} of its sequences are distinct, "
            f"{reference.distinct:.0%} of real ones"
        )
    if quality.effective_items < FEWEST_ITEMS * reference.effective_items:
        return (
            f"collapsed: spreads over {quality.effective_items:.0f} items, real sequences over "
            f"{reference.effective_items:.0f}"
        )
    return None


def features(sequences: Sequences, train: Sequences, vectors: np.ndarray) -> pd.DataFrame:
    """What the classifier reads of each sequence: a row of numbers."""
    items, there = sequences.items, sequences.items != NONE
    popularity = np.log(train.item_shares() * train.items.size + 0.5)[items]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    near = np.einsum("ntd,ntd->nt", unit[items[:, :-1]], unit[items[:, 1:]])
    mean = (unit[items] * there[:, :, None]).sum(1) / there.sum(1)[:, None]
    table = {"length": there.sum(axis=1)}
    for place in range(sequences.length):
        table[f"popularity {place}"] = np.where(there[:, place], popularity[:, place], np.nan)
    for place in range(sequences.length - 1):
        table[f"likeness {place}"] = np.where(there[:, place + 1], near[:, place], np.nan)
    for i in range(min(8, mean.shape[1])):
        table[f"mean {i}"] = mean[:, i]
    table["spread"] = np.linalg.norm(mean, axis=1)
    return pd.DataFrame(table).astype(float)


def _grouped(pairs: np.ndarray, groups: np.ndarray, num_items: int) -> np.ndarray:
    first, second = np.divmod(pairs, num_items)
    return groups[first] * (groups.max() + 1) + groups[second]
