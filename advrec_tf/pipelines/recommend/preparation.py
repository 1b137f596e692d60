"""Preparation of a run: filters, split and audit, all counted, and the identity of the run."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Protocol

import numpy as np

from advrec_tf.data import audit, filters, splits
from advrec_tf.data.readers.report import Loaded
from advrec_tf.ops.fingerprints import fingerprint_of
from advrec_tf.pipelines.machine import versions


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """Loaded, filtered and split data, with everything that was counted on the way.

    `best_scores` is that of `Loaded` where every user and item of it is still there.
    """

    split: splits.Split
    counts: dict
    audit: audit.SplitAudit
    best_scores: np.ndarray | None = None


class SplitSettings(Protocol):
    """Which interactions stay, and how they are split; the settings of every job have it."""

    @property
    def split(self) -> str: ...
    @property
    def ties(self) -> str: ...
    @property
    def minimum_rating(self) -> float | None: ...
    @property
    def k_core(self) -> int: ...
    @property
    def seed(self) -> int: ...


class RunSettings(Protocol):
    """A record of settings that says what it holds."""

    def as_dict(self) -> dict: ...


def prepare(loaded: Loaded, settings: SplitSettings) -> Prepared:
    """Filter, remove repeats, split and audit; whatever is removed is counted."""
    interactions = loaded.interactions
    if getattr(settings, "use_features", False) and not _has_side_tables(interactions):
        raise ValueError(
            "`use_features` should be off for data without a table of users or items. Received "
            "--use-features: give --user-table or --item-table as well."
        )
    if getattr(settings, "use_context", False) and interactions.context is None:
        raise ValueError(
            "`use_context` should be off for data without a context. Received --use-context: name "
            "its columns by --context-column as well."
        )
    counts = {"read": loaded.report.as_dict()}
    if settings.minimum_rating is not None:
        interactions, removed = filters.minimum_rating(interactions, settings.minimum_rating)
        counts["removed_by_minimum_rating"] = removed
    interactions, counts["removed_as_repeats"] = filters.without_repeats(interactions)
    if settings.k_core:
        interactions, counts["removed_by_k_core"] = _core(interactions, settings.k_core)
    split = splits.drawn(settings.split, interactions.with_ties(settings.ties), settings.seed)
    counts |= {
        "users": interactions.num_users,
        "items": interactions.num_items,
        "rows": len(interactions),
        "train_rows": len(split.train),
        "validation_rows": len(split.validation),
        "test_rows": len(split.test),
    }
    whole = (interactions.num_users, interactions.num_items)
    best_scores = loaded.best_scores
    if best_scores is not None and (best_scores.shape != whole or split.name != "last_item"):
        best_scores = None
    return Prepared(split=split, counts=counts, audit=audit.audit(split), best_scores=best_scores)


def _core(interactions, k: int) -> filters.Filtered:
    """The k-core, or what was asked for where nothing is left of it."""
    try:
        return filters.k_core(interactions, users=k, items=k)
    except ValueError as error:
        raise ValueError(
            f"`k_core` should leave interactions. Received: {k}, of which the "
            f"{len(interactions):,} rows of {interactions.num_users:,} users and "
            f"{interactions.num_items:,} items leave none."
        ) from error


def _has_side_tables(interactions) -> bool:
    tables = (interactions.user_features, interactions.item_features)
    return any(table is not None and table.shape[1] for table in tables)


def require_parts(split: splits.Split) -> None:
    """Refuse a split with an empty part.

    Raises:
        ValueError: if the validation or the test part has no interaction.
    """
    for part in ("validation", "test"):
        if not len(getattr(split, part)):
            raise ValueError(
                f"The {part} part of the split {split.name!r} should have interactions. Received "
                "none: last_item needs users with three interactions, the other splits a larger "
                "share."
            )


def identity_of(prepared: Prepared, settings: RunSettings) -> dict:
    """What the results depend on; a run is resumed only where all of it is equal."""
    split = prepared.split
    identity = {"settings": settings.as_dict(), "data_sha256": split.fingerprint()}
    if _has_side_tables(split.train) or split.train.context is not None:
        parts = (split.train, split.validation, split.test)
        hashes = "".join(part.fingerprint_of_features() for part in parts)
        identity["features_sha256"] = hashlib.sha256(hashes.encode()).hexdigest()
    if split.train.item_text is not None:
        titles = [text or "" for text in split.train.item_text]
        identity["titles_sha256"] = fingerprint_of(titles)
    return {**identity, "versions": versions()}
