"""Two-tower retrieval over content: for items without interactions and users described by text.

`ContentTwoTower` is `TwoTower` whose towers see ids, texts, histories and other modalities
(`content.tower`). It adds modalities hidden at random in training, histories without the
positive that is trained on, and lists for items and users that were not there in training. Where
vectors of texts come from is left to `text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.content.modalities import HISTORY, HistoryVectors, Modality
from advrec_tf.models.content.tower import ContentTower, build_content_tower
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.ops.random import stream


class ContentTwoTower(TwoTower):
    """As `TwoTower`, over two `ContentTower`s."""

    mixed_precision = False
    one_vector_per_item = False  # what is hidden of an item is drawn for each of its places
    replicated = True
    asynchronous = False  # its tables of content would be read whole in every step
    user_tower: ContentTower
    item_tower: ContentTower

    def embed_users(self, inputs, training):
        left_out = inputs["item_index"]
        if "generated" in inputs:  # a generated pair is no part of the history
            left_out = tf.where(inputs["generated"], -1, left_out)
        return self.user_tower(
            inputs["user_index"],
            training=training,
            seed=inputs["seed"],
            left_out=left_out if training else None,
        )

    def embed_items(self, inputs, training):
        # Another draw than the users': both towers hide by the stream "hidden modality".
        return self.item_tower(
            inputs["item_index"], training=training, seed=stream(inputs["seed"], "items")
        )

    def embed_new_users(
        self,
        *,
        items: Sequence[Sequence] | None = None,
        given: Mapping[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Users without an index -> [n, dim], divided by the temperature.

        Args:
            items: a list of known item ids for each user, taken as the history; an item
                without a vector counts for nothing.
            given: user modality -> [n, width]; a sentence about a user is a history of one,
                given as "history" with the sentence's text vector.

        Raises:
            ValueError: if an item is unknown, a list is empty, or the towers take no history.
        """
        given = dict(given or {})
        if items is not None:
            source = self.user_tower.sources.get(HISTORY)
            if source is None:
                raise ValueError("`items` needs a user tower with histories. This one has none.")
            given[HISTORY] = np.stack([self._mean_of(ids, source) for ids in items])
        return self.user_tower.embed(given).numpy() / np.float32(self.temperature)

    def _mean_of(self, item_ids: Sequence, source: HistoryVectors) -> np.ndarray:
        index = self.interactions.items.index_of(list(item_ids))
        if not len(index) or (index < 0).any():
            raise ValueError(
                f"`items` should hold lists of known item ids. Received: {list(item_ids)[:5]!r}."
            )
        vectors, present = source.items.numpy()[index], source.present.numpy()[index]
        return vectors.sum(0) / max(float(present.sum()), 1.0)

    def recommend_for(
        self,
        *,
        items: Sequence[Sequence] | None = None,
        given: Mapping[str, np.ndarray] | None = None,
        k: int = 10,
    ) -> pd.DataFrame:
        """Lists for users without an index, as `recommend` gives; `user_id` is their place.

        Items of a user's own list are left out. Arguments as `embed_new_users`.
        """
        users = self.embed_new_users(items=items, given=given)
        scores = users @ self.item_vectors().T
        for row, ids in enumerate(items or ()):
            scores[row, self.interactions.items.index_of(list(ids))] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best_scores = np.take_along_axis(scores, best, axis=1)
        rows, ranks = np.nonzero(np.isfinite(best_scores))
        return pd.DataFrame(
            {
                "user_id": rows,
                "rank": ranks + 1,
                "item_id": self.interactions.items.ids[best[rows, ranks]],
                "score": best_scores[rows, ranks],
            }
        )

    def score_new_items(self, user_index: tf.Tensor, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """Users [batch] and {item modality: [n, width]} of new items -> scores [batch, n], on
        the scale of `score`."""
        users = self.user_tower(user_index)
        items = self.item_tower.embed(given)
        return tf.matmul(users, items, transpose_b=True).numpy() / np.float32(self.temperature)


def content_two_tower(
    interactions: Interactions,
    modalities: Sequence[Modality] = (),
    *,
    user_modalities: Sequence[Modality] = (),
    history: Modality | None = None,
    user_ids: bool | np.ndarray = True,
    item_ids: bool | np.ndarray = False,
    sources: Mapping[str, keras.layers.Layer] | None = None,
    dim: int = 64,
    hidden: Sequence[int] = (),
    fusion: str = "sum",
    id_dropout: float = 0.0,
    history_dropout: float = 0.0,
    temperature: float = 0.12,
    seed: int = 0,
    **kwargs,
) -> ContentTwoTower:
    """Both towers for a data set.

    Args:
        modalities: of the items.
        user_modalities: of the users, such as coded attributes.
        history: item vectors whose mean describes a user by what is in the history.
        user_ids, item_ids: whether those with interactions have an id embedding; or [n] bool,
            who has one, where generated pairs are trained on too.
        sources: item vectors that are computed in training, see `build_content_tower`.
        id_dropout: fraction of a batch whose ids are hidden, in either tower that has more.
        history_dropout: fraction of a batch whose histories are hidden.

    Raises:
        ValueError: if a tower has no input, or `user_ids` or `item_ids` has the
            wrong shape; besides those of the towers.
    """
    user_ids = _with_ids(user_ids, interactions.user_counts(), "user_ids")
    item_ids = _with_ids(item_ids, interactions.item_counts(), "item_ids")
    of_users = bool(user_modalities) or user_ids is not None or history is not None
    if not (modalities or item_ids is not None) or not of_users:
        raise ValueError(
            "Each tower should have an input: `modalities` or `item_ids` for items; "
            "`user_modalities`, `user_ids` or `history` for users."
        )
    of_histories = None
    if history is not None:
        of_histories = HistoryVectors(interactions, history, name="history")
    user_dropout, item_dropout = {}, {}
    if history is not None and history_dropout:
        user_dropout[HISTORY] = history_dropout
    if user_ids is not None and (history is not None or user_modalities):
        user_dropout["id"] = id_dropout
    if item_ids is not None and modalities:
        item_dropout["id"] = id_dropout
    both = {"dim": dim, "hidden": hidden, "fusion": fusion}
    users = build_content_tower(
        interactions.num_users,
        user_modalities,
        ids=user_ids,
        history=of_histories,
        dropout=user_dropout,
        seed=2 * seed,
        name="user_tower",
        **both,
    )
    items = build_content_tower(
        interactions.num_items,
        modalities,
        ids=item_ids,
        sources=sources,
        dropout=item_dropout,
        seed=2 * seed + 1,
        name="item_tower",
        **both,
    )
    return ContentTwoTower(
        users, items, interactions, temperature=temperature, name="content_two_tower", **kwargs
    )


def _with_ids(asked: bool | np.ndarray, counts: np.ndarray, name: str) -> np.ndarray | None:
    """[n] bool, who has an id embedding; None where nobody has."""
    if isinstance(asked, (bool, np.bool_)):
        return counts > 0 if asked else None
    asked = np.asarray(asked)
    if asked.shape != counts.shape or asked.dtype != bool:
        raise ValueError(
            f"`{name}` should be True, False or [{len(counts)}] bool. "
            f"Received: {asked.dtype} {asked.shape}."
        )
    return asked
