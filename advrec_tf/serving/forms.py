"""Every recommender as a served graph: which form a model takes, and the public `export`.

Where a model is two matrices it is served as vectors; where its scores are sums over the items of
a history, as item weights; a next-item model as its encoder; any other model as the table of its
scores, if that is small enough.
What a model is taken for is tried on some of its users: a form whose scores are not the model's
is not used.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.multi_task import MultiTaskModel
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.ranking import RankingModel
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving import saved_model
from advrec_tf.serving.indexed import INDEX_FROM, RECALL, ServedByIndex
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.module import ServedModule
from advrec_tf.serving.multi_task import ServedMultiTask
from advrec_tf.serving.new_users import ServedNewUsers
from advrec_tf.serving.ranking import ServedRanking
from advrec_tf.serving.recommender import ServedRecommender, served_histories
from advrec_tf.serving.scorers import (
    ItemWeightScorer,
    PairedVectors,
    Scorer,
    ScoreTable,
    VectorScorer,
)
from advrec_tf.serving.sequences import HistoryModel, ServedSequences
from advrec_tf.serving.small_tables import TABLES, small_scorer

TABLE_LIMIT = 2**30
"""Bytes that a stored table of scores (users x items) or of item weights may take."""

HISTORY_L2 = 10.0
"""Ridge of `history_map`, in users: as if so many users had vectors of zero."""

INDICES = ("auto", "exact", "ivf")
"""How lists of a served model are found."""

_BLOCK_CELLS = 2**24
_BLOCK_USERS = 1024
_TRIED_USERS = 16
_TOLERANCE = 1e-3


def served_form(
    model: Recommender | ServedModule,
    *,
    k: int = 10,
    max_k: int = 100,
    index: str = "auto",
    recall: float = RECALL,
    tables: str = "float32",
    held_out: Interactions | None = None,
) -> ServedModule:
    """A trained model as a graph that can be exported; a `ServedModule` stays as it is.

    An unknown user gets the popular items of `model.interactions`, whatever the model. A ranking
    tower with a context becomes a `ServedRanking`, whose signatures take the context; a multi-task
    model a `ServedMultiTask`, which serves lists and ratings; a next-item model, transition counts
    and a `HistoryBlend` a `ServedSequences`.

    Args:
        model: any recommender of the package after `fit`, or one that has `interactions` and
            `score(user_index [batch]) -> [batch, num_items]`.
        k: length of a list where the request names none.
        max_k: longest list a request may ask for.
        index: "exact" compares a user with all items; "ivf" with those of some cells, see
            `ServedByIndex`, which only vectors can; "auto" is "ivf" for vectors of at least
            `INDEX_FROM` items where the recall can be reached, else "exact".
        recall: share of the items of exact lists of length k that lists of an index should have.
        tables: how vectors are kept: "float32", "float16", or "int8" with a scale for each; see
            `small_tables`.
        held_out: interactions of the same vocabularies; where `tables` are small, their price is
            NDCG@10 on these beside the overlap of lists.

    Raises:
        ValueError: if `index` or `tables` is none of these or does not fit the model, the recall is
            out of range or cannot be reached, the model has no training interactions or no scores,
            a score is NaN, or its table of scores would take more than `TABLE_LIMIT` bytes.
    """
    if index not in INDICES:
        raise ValueError(f"`index` should be one of {INDICES}. Received: {index!r}.")
    if not 0 < recall <= 1:
        raise ValueError(f"`recall` should be in (0, 1]. Received: {recall!r}.")
    if tables not in TABLES:
        raise ValueError(f"`tables` should be one of {TABLES}. Received: {tables!r}.")
    form = _form(
        model, k=k, max_k=max_k, index=index, recall=recall, tables=tables, held_out=held_out
    )
    lists = form.lists if isinstance(form, ServedMultiTask) else form
    if index == "ivf" and not isinstance(lists, ServedByIndex):
        raise ValueError(
            f'`index` should be "exact" for a model that is not served as vectors. Received: '
            f'"ivf" for {type(model).__name__}.'
        )
    if tables != "float32" and getattr(lists, "tables", None) is None:
        raise ValueError(
            f'`tables` should be "float32" for a model that is not served as vectors, and for a '
            f"graph made before. Received: {tables!r} for {type(model).__name__}."
        )
    return form


def _form(model, *, k: int, max_k: int, tables: str, held_out, **index) -> ServedModule:
    if isinstance(model, ServedModule):
        return model
    inner = model
    while isinstance(getattr(inner, "model", None), keras.Model):
        inner = inner.model
    if isinstance(inner, RankingModel) and inner.contexts is not None:
        return ServedRanking(inner)
    if isinstance(inner, HistoryModel):
        return ServedSequences(inner, k=k, max_k=max_k)
    data = getattr(model, "interactions", None)
    if not isinstance(data, Interactions) or not callable(getattr(model, "score", None)):
        raise ValueError(
            "`model` should be a recommender with `interactions` (its training data) and "
            f"`score(user_index)`. Received: {type(model).__name__}. Another graph can be exported "
            "as a subclass of `serving.ServedModule`."
        )
    frozen = model.frozen() if hasattr(model, "frozen") else model

    def score(index: np.ndarray) -> np.ndarray:
        block = max(1, _BLOCK_CELLS // max(data.num_items, 1))
        parts = [
            np.asarray(frozen.score(tf.constant(index[start : start + block], tf.int32)))
            for start in range(0, len(index), block)
        ]
        return np.concatenate([np.zeros((0, data.num_items)), *parts]).astype(np.float32)

    tried = np.linspace(0, data.num_users - 1, min(_TRIED_USERS, data.num_users)).astype(np.int32)
    try:
        expected = score(tried)
    except NotImplementedError as error:
        raise ValueError(
            f"`model` should score all items for a user, and {type(model).__name__} does not: "
            f"{error}"
        ) from error
    if np.isnan(expected).any():
        raise ValueError(f"`model` should have finite scores. {type(model).__name__} gives NaN.")
    unknown = log_popularity(data)
    scorer = (
        _as_vectors(model, frozen, tried, expected)
        or _as_item_weights(model, tried, expected, unknown)
        or _as_table(model, data, score, unknown)
    )
    report = None
    if tables != "float32" and isinstance(scorer, VectorScorer):
        scorer, report = small_scorer(scorer, data, unknown, kind=tables, k=k, held_out=held_out)
        score = scorer.expected_scores

    served = _lists_of(
        scorer,
        data,
        **index,
        score=score,
        unknown_scores=unknown,
        k=k,
        max_k=max_k,
        new_users=_new_users(getattr(inner, "retrieval", inner), scorer),
    )
    served.tables = report
    if isinstance(inner, MultiTaskModel):
        return ServedMultiTask(served, ServedRanking(inner.ranking))
    return served


def export(
    model: Recommender | ServedModule,
    directory: str | os.PathLike,
    *,
    k: int = 10,
    max_k: int = 100,
    index: str = "auto",
    recall: float = RECALL,
    tables: str = "float32",
    held_out: Interactions | None = None,
    version: int | None = None,
    metadata: Mapping | None = None,
    keep: int | None = None,
    check: bool = True,
    timeout: float = 300.0,
) -> Path:
    """Write a trained model as a SavedModel that TensorFlow Serving loads, and check it.

        ar.serving.export(model, "saved_models/mine")

    Args:
        model: any recommender of the package, as in `served_form`; or a `ServedModule`.
        directory: the model's folder; each export becomes a new numbered version in it.
        k, max_k: length of a list where a request names none, and the longest it may ask for.
        index, recall: how lists are found, as in `served_form`; what an index reaches stands in
            `MODEL_CARD.md` and, as "index", in `assets.extra/advrec_tf.json`.
        tables, held_out: how vectors are kept, as in `served_form`; what small tables cost stands
            beside, as "tables".
        version, metadata, keep, check, timeout: as in `saved_model.export`.

    Returns:
        The folder of the new version; `MODEL_CARD.md` in it says what it is and how to serve it.

    Raises:
        ValueError: as `served_form`, and for settings out of range.
        FileExistsError: if the named version exists.
        ExportCheckError: if the copy answers differently from the model; nothing is left then.
    """
    return saved_model.export(
        served_form(
            model,
            k=k,
            max_k=max_k,
            index=index,
            recall=recall,
            tables=tables,
            held_out=held_out,
        ),
        directory,
        version=version,
        metadata=metadata,
        keep=keep,
        check=check,
        timeout=timeout,
    )


def _lists_of(scorer: Scorer, data, *, index: str, recall: float, **settings) -> ServedRecommender:
    """Lists by an index where it is asked for, or pays."""
    wanted = index == "ivf" or (index == "auto" and data.num_items >= INDEX_FROM)
    if wanted and isinstance(scorer, PairedVectors):
        try:
            return ServedByIndex(scorer, data, recall=recall, **settings)
        except ValueError as error:
            if index == "ivf":
                raise
            warnings.warn(f"Lists are exact. {error}", stacklevel=4)
    return ServedRecommender(scorer, data, **settings)


def _new_users(inner, scorer: Scorer) -> ServedNewUsers | None:
    """Queries by columns, where a two-tower model is served as its vectors and has columns."""
    if type(inner) is not TwoTower or not isinstance(scorer, PairedVectors):
        return None
    if not NewUsers.possible(inner):
        return None
    return ServedNewUsers(inner, scorer.dim)


def _as_vectors(model, frozen, tried, expected) -> Scorer | None:
    data = model.interactions
    if isinstance(frozen, VectorRecommender):
        users, items = frozen.user_vectors, frozen.item_vectors
        nobody = frozen.unknown_user
    else:
        try:
            users, items = model.user_vectors(), model.item_vectors()
        except (AttributeError, NotImplementedError):
            return None
        nobody = np.zeros(np.shape(items)[1])
    users, items = np.asarray(users, np.float32), np.asarray(items, np.float32)
    if len(users) != data.num_users or len(items) != data.num_items:
        return None
    if not _equal(users[tried] @ items.T, expected):
        return None
    of_history = history_map(users, items, data)
    popularity = log_popularity(data)
    if not np.allclose(items @ nobody, popularity, rtol=1e-6, atol=1e-6):
        # One more dimension, in which of all users only the unknown one is not zero.
        users = np.pad(users, [(0, 0), (0, 1)])
        items = np.concatenate([items, popularity[:, None]], axis=1)
        nobody = np.append(np.zeros(items.shape[1] - 1), 1.0)
        of_history = np.pad(of_history, [(0, 1), (0, 1)])
    return VectorScorer(
        np.concatenate([users, nobody[None, :]]).astype(np.float32),
        items,
        of_history,
    )


def _as_item_weights(model, tried, expected, unknown) -> Scorer | None:
    data, weights = model.interactions, getattr(model, "weights", None)
    shape = (data.num_items, data.num_items)
    if not tf.is_tensor(weights) and not isinstance(weights, np.ndarray):
        return None
    if tuple(weights.shape) != shape or 4 * shape[0] * shape[1] > TABLE_LIMIT:
        return None
    weights = np.asarray(weights, np.float32)
    profiles = np.zeros((len(tried), data.num_items), np.float32)
    seen = data.by_user()
    for row, user in enumerate(tried):
        profiles[row, seen[user]] = 1.0
    if not _equal(profiles @ weights, expected):
        return None
    return ItemWeightScorer(weights, unknown, served_histories(data))


def _as_table(model, data, score, unknown) -> Scorer:
    size = 4 * (data.num_users + 1) * data.num_items
    if size > TABLE_LIMIT:
        raise ValueError(
            f"`model` is neither vectors nor item weights, and a table of the scores of "
            f"{data.num_users} users and {data.num_items} items takes {size / 2**30:.1f} GiB, over "
            f"the limit of {TABLE_LIMIT / 2**30:.1f} GiB. `serving.recommend_all` writes the lists "
            f"of all users to a file instead. Received: {type(model).__name__}."
        )
    table = np.concatenate([score(np.arange(data.num_users, dtype=np.int32)), unknown[None, :]])
    if np.isnan(table).any() or (table == np.inf).any():
        raise ValueError(
            f"`model` should have scores below infinity. {type(model).__name__} gives NaN or "
            "infinity."
        )
    return ScoreTable(np.maximum(table, LOWEST))


def _equal(found: np.ndarray, expected: np.ndarray) -> bool:
    """To 1e-3 of the largest score: is this the model's own formula?"""
    size = max(1e-6, float(np.abs(expected).max(initial=0.0)))
    return bool(np.isfinite(expected).all() and np.abs(found - expected).max() <= _TOLERANCE * size)


def history_map(
    user_vectors: np.ndarray, item_vectors: np.ndarray, interactions: Interactions
) -> np.ndarray:
    """[dim, dim] float32, A: the mean item vector of a history times A is the user's vector.

    Ridge regression of the user vectors of the table on the means of their items:
    A = (M'M + l2 D)^-1 M'U with D the mean square of each column of M and l2 = `HISTORY_L2`.

    Chosen on ml-100k by the two-tower model (64 dimensions, 8 epochs), five folds of users held
    out of training altogether, whose last but one item is to be found from what came before.
    NDCG@10: .0812 by this map; .0650 by the mean item vector itself; .0645 at best by ridge
    regression on the history's own items, .0642 with all other items as zeros; .0361 by
    popularity; .0842 where each user was trained on.
    """
    seen = interactions.by_user()
    users = np.flatnonzero(seen.counts)
    means = np.zeros((len(users), item_vectors.shape[1]))
    for start in range(0, len(users), _BLOCK_USERS):
        block = users[start : start + _BLOCK_USERS]
        first, last = seen.row_splits[block[0]], seen.row_splits[block[-1] + 1]
        own = item_vectors[seen.items[first:last]]
        totals = np.add.reduceat(own, seen.row_splits[block] - first, axis=0)
        means[start : start + len(block)] = totals / seen.counts[block, None]
    gram = means.T @ means
    squares = np.maximum(np.diag(gram) / max(len(users), 1), 1e-9)
    gram[np.diag_indices(len(gram))] += HISTORY_L2 * squares
    return np.linalg.solve(gram, means.T @ user_vectors[users]).astype(np.float32)
