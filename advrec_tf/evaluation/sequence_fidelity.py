"""Distances between generated and held-out sequences of items.

Read every distance beside the same distance for as many real training sequences: that is what a
perfect generator would reach on samples of that size. Distances are total variations, in [0, 1].
Distances between tables are left to `tabular.fidelity`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.sequences import NONE, Sequences
from advrec_tf.evaluation.two_sample import two_sample_auc
from advrec_tf.models.item_similarity import sign_groups

MIN_DISTINCT_RATIO = 0.5
MIN_ITEMS_RATIO = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequenceQuality:
    """Measures of one set of sequences against held-out sequences.

    Attributes:
        popularity: total variation of the items' frequencies.
        bigrams: total variation of the frequencies of (item, next item).
        group_bigrams: the same for groups of similar items (`item_similarity.sign_groups`), of
            which there are few enough to estimate the frequencies well.
        auc: area under the curve of a classifier that tells generated from held-out sequences
            by `features`; .5 where it cannot.
        distinct: distinct sequences divided by all sequences.
        effective_items: exp(entropy of the items' frequencies), in items.
        repeats: fraction of the events whose item occurred before in the same sequence.
        copies: fraction of the sequences that equal a training sequence.
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
        """JSON-able."""
        return dataclasses.asdict(self)


def total_variation(first: np.ndarray, second: np.ndarray) -> float:
    """Half the sum of |first - second|: 0 for equal frequencies, 1 for disjoint ones."""
    return float(0.5 * np.abs(first - second).sum())


def measure(
    generated: Sequences,
    held_out: Sequences,
    train: Sequences,
    item_vectors: np.ndarray,
    *,
    seed: int = 0,
) -> SequenceQuality:
    """All measures of `generated` against `held_out`.

    Args:
        train: the sequences that the generator was trained on; copies are counted against them.
        item_vectors: [num_items, dim >= 2] vectors of a model fitted to the training
            interactions; items with similar vectors are similar.
        seed: of the classifier.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if there are too few sequences for the classifier, or the lengths differ.
    """
    if generated.length != held_out.length:
        raise ValueError(
            "`generated` and `held_out` should be equally long. "
            f"Received: {generated.length} and {held_out.length}."
        )
    groups = sign_groups(item_vectors)
    present = generated.items != NONE
    frequencies = generated.item_shares()
    known = {sequence.tobytes() for sequence in train.items}
    sequences = [sequence.tobytes() for sequence in np.ascontiguousarray(generated.items)]
    return SequenceQuality(
        popularity=total_variation(frequencies, held_out.item_shares()),
        bigrams=_pair_distance(generated.pairs(), held_out.pairs()),
        group_bigrams=_pair_distance(
            *(_grouped(s.pairs(), groups, s.num_items) for s in (generated, held_out))
        ),
        auc=two_sample_auc(
            *(features(s, train, item_vectors) for s in (held_out, generated)), seed=seed
        ),
        distinct=len(set(sequences)) / len(sequences),
        effective_items=float(
            np.exp(-(frequencies[frequencies > 0] * np.log(frequencies[frequencies > 0])).sum())
        ),
        repeats=_num_repeats(generated.items, present) / float(present.sum()),
        copies=float(np.mean([sequence in known for sequence in sequences])),
    )


def collapse(quality: SequenceQuality, reference: SequenceQuality) -> str | None:
    """A sentence that says how a generator collapsed, or None where it did not.

    It collapsed if its fraction of distinct sequences is under `MIN_DISTINCT_RATIO` times that of
    the reference, or its effective items are under `MIN_ITEMS_RATIO` times those of the reference.
    """
    if quality.distinct < MIN_DISTINCT_RATIO * reference.distinct:
        return (
            f"collapsed: {quality.distinct:.0%} of its sequences are distinct, "
            f"{reference.distinct:.0%} of real ones"
        )
    if quality.effective_items < MIN_ITEMS_RATIO * reference.effective_items:
        return (
            f"collapsed: spreads over {quality.effective_items:.0f} items, real sequences over "
            f"{reference.effective_items:.0f}"
        )
    return None


def features(sequences: Sequences, train: Sequences, vectors: np.ndarray) -> np.ndarray:
    """What the classifier reads of each sequence, [sequences, features] float64.

    Its length, the log popularity of each item, the cosine of each item and the next, the first
    eight components of the mean unit vector and that vector's length; NaN after the end.
    """
    items, present = sequences.items, sequences.items != NONE
    popularity = np.log(train.item_shares() * train.items.size + 0.5)[items]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    cosine = np.einsum("ntd,ntd->nt", unit[items[:, :-1]], unit[items[:, 1:]])
    mean = (unit[items] * present[:, :, None]).sum(1) / present.sum(1)[:, None]
    return np.column_stack(
        [
            present.sum(axis=1),
            np.where(present, popularity, np.nan),
            np.where(present[:, 1:], cosine, np.nan),
            mean[:, :8],
            np.linalg.norm(mean, axis=1),
        ]
    ).astype(np.float64)


def _pair_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Total variation of the frequencies of two lists of keys."""
    keys, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    frequencies = [
        np.bincount(part, minlength=len(keys)) / len(part)
        for part in (index[: len(first)], index[len(first) :])
    ]
    return total_variation(*frequencies)


def _grouped(pairs: np.ndarray, groups: np.ndarray, num_items: int) -> np.ndarray:
    first, second = np.divmod(pairs, num_items)
    return groups[first] * (groups.max() + 1) + groups[second]


def _num_repeats(items: np.ndarray, present: np.ndarray) -> int:
    distinct_padding = -1 - np.arange(items.shape[1])
    ordered = np.sort(np.where(present, items, distinct_padding), axis=1)
    return int((ordered[:, 1:] == ordered[:, :-1]).sum())
