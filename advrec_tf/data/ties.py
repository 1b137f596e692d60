"""`TieRule`: what orders interactions of one user at one time.

`order.ordered_by_user` applies it; interactions carry theirs (`Interactions.ties`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

RULES = ("hash", "file", "id")


@dataclasses.dataclass(frozen=True)
class TieRule:
    """What orders interactions of one user at one time.

    Attributes:
        name: "hash", a seeded hash of the user id and the item id, which depends neither on the
            order of the file nor on that of the ids; "file", their order in the data, which often
            is that of the ids and gives the answer away; "id", the item ids in ascending order.
        seed: of the hash, >= 0; another seed is another order.

    Raises:
        ValueError: if there is no such rule, or the seed is negative.
    """

    name: str = "hash"
    seed: int = 0

    def __post_init__(self):
        if self.name not in RULES:
            raise ValueError(
                f"`ties` should be one of {', '.join(RULES)}. Received: {self.name!r}."
            )
        if self.seed < 0:
            raise ValueError(f"`seed` should be >= 0. Received: {self.seed!r}.")

    def as_dict(self) -> dict:
        """For the record beside a result: the rule, and its seed where it has one."""
        return {"ties": self.name} | ({"seed": self.seed} if self.name == "hash" else {})

    def keys(
        self,
        user_index: np.ndarray,
        item_index: np.ndarray,
        user_ids: np.ndarray,
        item_ids: np.ndarray,
    ) -> np.ndarray:
        """[n] that ascend in the order of the rule, whatever the times.

        Args:
            user_index, item_index: [n], of the interactions.
            user_ids, item_ids: the ids that they are indices of.
        """
        if self.name == "hash":
            user = _hashes(user_ids, "advrec-tf user 1")[user_index]
            item = _hashes(item_ids, "advrec-tf item 1")[item_index]
            return _mixed(user, item, self.seed)
        if self.name == "id":
            return rank_of_ids(item_ids)[item_index]
        return np.arange(len(item_index))


def rank_of_ids(ids: np.ndarray) -> np.ndarray:
    """[n] int64, the place of each id among all in ascending order."""
    rank = np.empty(len(ids), np.int64)
    rank[np.argsort(ids, kind="stable")] = np.arange(len(ids))
    return rank


def _hashes(ids: np.ndarray, key: str) -> np.ndarray:
    texts = np.array([str(value) for value in ids.tolist()], object)
    return pd.util.hash_array(texts, hash_key=key, categorize=False)


def _mixed(user: np.ndarray, item: np.ndarray, seed: int) -> np.ndarray:
    # The arithmetic of 64 bits wraps around, in Python's integers by the mask.
    mixed = user ^ (item * np.uint64(0x9E3779B97F4A7C15))
    mixed ^= np.uint64(seed * 0xBF58476D1CE4E5B9 & (2**64 - 1))
    return (mixed * np.uint64(0xD6E8FEB86659FD93)) ^ (mixed >> np.uint64(32))
