"""What a model ranks by once its vectors are kept in small tables."""

from __future__ import annotations

import numpy as np

from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving.small_tables import SmallTable


def rounded(users: np.ndarray, items: np.ndarray, kind: str, interactions) -> VectorRecommender:
    """The model whose vectors are what small tables of a kind, of `TABLES`, say."""
    if kind != "float32":
        users, items = (SmallTable(one, kind, name=kind).decoded() for one in (users, items))
    return VectorRecommender(
        user_vectors=users,
        item_vectors=items,
        unknown_user=np.zeros(items.shape[1], np.float32),
        interactions=interactions,
    )


def bytes_of(dim: int, kind: str) -> int:
    """Bytes of a vector; int8 has a scale of float16."""
    return dim * np.dtype(kind).itemsize + 2 * (kind == "int8")
