"""Reader of the rating splits that shilling attacks are published on, with their targets.

The sets of AUSH (Lin et al. 2020, CIKM) and Leg-UP (Lin et al. 2022, TNNLS): a random 90/10
split of ratings 1-5, and for each target item the items whose positive raters are its segment. Only
reading; the files are found as those of `benchmarks`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers import columns, records
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.published_splits import data_root, read_rows
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary

SHILLING_SETS = {
    "ml100k": (62, 785, 1077, 1257, 1419),
    "filmTrust": (5, 181, 254, 395, 565),
    "AppAndroid": (),
    "GroceryFood": (),
    "ToolHome": (),
    "yelp": (),
}
"""Name -> the random targets of the authors' code, where that code names them."""

PUBLISHED_FILLERS = {"ml100k": 90, "filmTrust": 36}
"""Name -> items a fake profile rates beside its target in the authors' experiments, where known."""

POSITIVE_FROM = 4.0
"""The lowest positive rating: members of a segment rate each of its items so or higher."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ShillingSet:
    """A published split with ratings, and what is known of its targets.

    Attributes:
        split: train and test, with ratings; ids are the files' integers, and so are indices.
        segments: target item -> [segment items] int32, popular items close to it.
        published_targets: those named in the authors' code, or ().
        published_fillers: of `PUBLISHED_FILLERS`, or None.
        repeated: test rows left out since the same pair is in train.
    """

    split: Split
    segments: Mapping[int, np.ndarray]
    published_targets: tuple[int, ...]
    published_fillers: int | None
    repeated: int

    def segment_users(self, target: int) -> np.ndarray:
        """[users] int32 who rate the whole segment of the target positively, and not the target.

        The definition behind the authors' files of target users (filmTrust's file stops at
        user 721, the rest agrees to the last user).

        Raises:
            ValueError: if there is no segment for the target.
        """
        if target not in self.segments:
            raise ValueError(
                f"`target` should be one of {len(self.segments)} with a segment. "
                f"Received: {target!r}."
            )
        train = self.split.train
        positive = train.select(train.rating >= POSITIVE_FROM)
        number = np.zeros(train.num_users, np.int64)
        for item in self.segments[target]:
            number += np.bincount(
                positive.user_index[positive.item_index == item], minlength=train.num_users
            )
        member = number == len(self.segments[target])
        member[train.user_index[train.item_index == target]] = False
        return np.flatnonzero(member).astype(np.int32)


def load_shilling(name: str, root: str | os.PathLike | None = None) -> ShillingSet:
    """The set `name`, one of `SHILLING_SETS`; `root` as for `load_benchmark`.

    Raises:
        ValueError: if there is no such set.
        FileNotFoundError: if the root or a file is absent.
        DataError: if a file is not as published.
    """
    if name not in SHILLING_SETS:
        raise ValueError(f"`name` should be one of {', '.join(SHILLING_SETS)}. Received: {name!r}.")
    folder = data_root(root) / "shilling" / name
    train = _read_ratings(folder / f"{name}_train.dat.gz")
    test = _read_ratings(folder / f"{name}_test.dat")
    users, items = (
        Vocabulary(np.arange(int(max(train[c].max(), test[c].max())) + 1)) for c in ("user", "item")
    )
    train, test = _interactions(train, users, items), _interactions(test, users, items)
    repeated = np.isin(pair_keys(test), pair_keys(train))
    source = f"shilling/{name}"
    split = Split(
        name=f"shilling-{name}",
        train=train,
        validation=train.select(np.zeros(0, np.int64)),
        test=test.select(~repeated),
        settings={"source": source, "repeated_in_test": int(repeated.sum())},
    )
    return ShillingSet(
        split=split,
        segments=_read_segments(folder / f"{name}_selected_items", len(items)),
        published_targets=SHILLING_SETS[name],
        published_fillers=PUBLISHED_FILLERS.get(name),
        repeated=int(repeated.sum()),
    )


def _read_ratings(path: Path) -> pd.DataFrame:
    """Lines "user item rating"."""
    pairs, ratings = read_rows(path, ("user", "item", "rating"))
    return pd.DataFrame({"user": pairs[:, 0], "item": pairs[:, 1], "rating": ratings})


def _read_segments(path: Path, num_items: int) -> dict[int, np.ndarray]:
    """Lines "target item,item,..."."""
    segments = {}
    for line, fields in records.read_lines(path):
        if len(fields) != 2:
            raise DataError(
                f"{path}, line {line}: expected `target item,item`. Received: {fields[:6]!r}."
            )
        texts = [fields[0], *fields[1].split(",")]
        found = columns.indices(texts, [line] * len(texts), source=str(path), column="item")
        if found.max() >= num_items:
            expected = f"items 0..{num_items - 1}"
            raise DataError(f"{path}, line {line}: expected {expected}. Received: {found.max()}.")
        if int(found[0]) in segments:
            raise DataError(
                f"{path}, line {line}: expected one line a target. Received {found[0]} again."
            )
        segments[int(found[0])] = found[1:].astype(np.int32)
    return segments


def _interactions(table: pd.DataFrame, users: Vocabulary, items: Vocabulary) -> Interactions:
    return Interactions(
        user_index=table["user"].to_numpy(np.int32),
        item_index=table["item"].to_numpy(np.int32),
        users=users,
        items=items,
        rating=table["rating"].to_numpy(np.float32),
    )
