"""From the ids of a model to the indices of the file, with the refusal of other items.

A model may know more items than the file, and lack some of it; where it lacks more than a fifth,
or knows none of the users, it is not a model of these data.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit.subject import UNKNOWN_ITEM, K

MOST_UNKNOWN = 0.2
"""The largest share of the items of the file that a model may lack."""


class PartlyKnown:
    """The scores of a model for the items it knows, -inf for the others.

    Args:
        vectors: aligned with the file.
        known: [num_items] bool.
    """

    def __init__(self, vectors: VectorRecommender, known: np.ndarray, name: str):
        self._vectors, self._known, self.name = vectors, known, name

    def score(self, user_index):
        """[batch] -> [batch, num_items] float32."""
        return np.where(self._known, np.asarray(self._vectors.score(user_index)), -np.inf)


def check_items(known: np.ndarray, train: Interactions, name: str) -> tuple[str, ...]:
    """Notes about items and users that a model does not know.

    Args:
        known: [num_items] bool, whether the model knows each item of the file.

    Raises:
        ValueError: if it lacks more than `MOST_UNKNOWN` of the items.
    """
    missing = np.flatnonzero(~known)
    if len(missing) > MOST_UNKNOWN * len(known):
        raise ValueError(
            f"{name} should score the items of the file. Received a model that lacks "
            f"{len(missing):,} of its {len(known):,} items, the first {train.items.ids[missing[0]]}"
            ": is it a model of other data, or does it have ids of another kind?"
        )
    if not len(missing):
        return ()
    return (
        f"The model does not know {len(missing):,} of the {len(known):,} items of the file: they "
        "are never listed.",
    )


def user_notes(known: np.ndarray) -> tuple[str, ...]:
    """A note about users that the model does not know, of [num_users] bool."""
    if known.all():
        return ()
    return (
        f"The model does not know {int((~known).sum()):,} of the {len(known):,} users of the file: "
        "they are measured as it serves an unknown user.",
    )


def aligned_vectors(
    model: VectorRecommender, train: Interactions, name: str
) -> tuple[VectorRecommender, tuple[str, ...]]:
    """(the vectors in the order of the file, notes); unknown items have the vector zero."""
    return vectors_at(
        model.user_vectors,
        model.item_vectors,
        model.unknown_user,
        model.interactions.users.index_of(train.users.ids),
        model.interactions.items.index_of(train.items.ids),
        train,
        name,
    )


def vectors_at(
    user_vectors, item_vectors, unknown_user, user_place, item_place, train: Interactions, name: str
) -> tuple[VectorRecommender, tuple[str, ...]]:
    """As `aligned_vectors`, by the place of each user and item of the file, -1 for unknown."""
    known_users, known_items = user_place >= 0, item_place >= 0
    notes = (*check_items(known_items, train, name), *user_notes(known_users))
    users = np.where(known_users[:, None], user_vectors[user_place], unknown_user)
    items = np.where(known_items[:, None], item_vectors[item_place], 0.0)
    vectors = VectorRecommender(
        user_vectors=users.astype(np.float32),
        item_vectors=items.astype(np.float32),
        unknown_user=np.asarray(unknown_user, np.float32),
        interactions=train,
    )
    return without_idle_dimensions(vectors), notes


def without_idle_dimensions(vectors: VectorRecommender) -> VectorRecommender:
    """The same scores of all users without the dimensions in which every user, or every item, is 0.

    The popularity of items, for example, stands in a dimension that no user may need; it would
    lengthen the items' norms, which radii are fractions of.
    """
    used = vectors.user_vectors.any(axis=0) & vectors.item_vectors.any(axis=0)
    used[0] |= not used.any()
    return dataclasses.replace(
        vectors,
        user_vectors=vectors.user_vectors[:, used],
        item_vectors=vectors.item_vectors[:, used],
        unknown_user=vectors.unknown_user[used],
    )


def scorer_of(vectors: VectorRecommender, item_place: np.ndarray, name: str):
    """The scores of aligned vectors, -inf for items that the model does not know."""
    known = item_place >= 0
    return vectors if known.all() else PartlyKnown(vectors, known, name)


def place_of(items: Vocabulary, of_file: Vocabulary) -> np.ndarray:
    """[items] the index in the file of each item of the model, `UNKNOWN_ITEM` where it has none."""
    found = of_file.index_of(items.ids)
    return np.where(found < 0, UNKNOWN_ITEM, found)


def listed(served: pd.DataFrame, names: Sequence, items: Vocabulary) -> np.ndarray:
    """A table of `user_id`, `rank` and `item_id` -> [names, K] items of the file, -1 for none.

    Args:
        names: the users in order, as the table names them.
    """
    row_of = {str(name): row for row, name in enumerate(names)}
    lists = np.full((len(names), K), -1)
    kept = served[served["rank"] <= K]
    rows = [row_of[str(user)] for user in kept["user_id"]]
    lists[rows, kept["rank"].to_numpy() - 1] = indices_of(kept["item_id"].tolist(), items)
    return lists


def indices_of(ids: Sequence, items: Vocabulary) -> np.ndarray:
    """[n] indices of ids as texts or numbers; `UNKNOWN_ITEM` where the file has no such item."""
    place = {str(item): index for index, item in enumerate(items.ids.tolist())}
    return np.array([place.get(str(item), UNKNOWN_ITEM) for item in ids], np.int64)


def trained_on_test(record: Path | dict, split: Split) -> bool | None:
    """Whether the run of a record saw the test interactions; None where that is unknown.

    Args:
        record: `run.json` of a run folder, or the same from the notes of an export.
    """
    if isinstance(record, Path):
        record = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    if record.get("settings", {}).get("refit"):
        return True
    return False if record.get("data_sha256") == split.fingerprint() else None
