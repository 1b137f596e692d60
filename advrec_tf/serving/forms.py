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
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import Recommender, log_popularity, users_per_block
from advrec_tf.models.multi_task import MultiTaskModel
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.ranking import RankingModel
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving import saved_model
from advrec_tf.serving.indexed import (
    INDEX_FROM,
    RECALL,
    IndexedLists,
    ServedByIndex,
    ServedSequencesByIndex,
)
from advrec_tf.serving.module import ServedModule
from advrec_tf.serving.multi_task import ServedMultiTask
from advrec_tf.serving.new_users import ServedNewUsers
from advrec_tf.serving.own_queries import ServedQueries
from advrec_tf.serving.ranking import ServedRanking
from advrec_tf.serving.recommender import ServedRecommender
from advrec_tf.serving.scorer_choice import as_item_weights, as_table, as_vectors
from advrec_tf.serving.scorers import PairedVectors, Scorer, VectorScorer
from advrec_tf.serving.sequence_scorers import HistoryModel
from advrec_tf.serving.sequences import ServedSequences
from advrec_tf.serving.served_lists import LONGEST, list_lengths
from advrec_tf.serving.small_sequences import small_sequences
from advrec_tf.serving.small_tables import TABLES
from advrec_tf.serving.small_vectors import small_scorer

INDICES = ("auto", "exact", "ivf")
"""How lists of a served model are found."""

USEFUL_FROM = 10**4
"""Items below which exact lists are as quick as those of an index."""

_TRIED_USERS = 16


def served_form(
    model: Recommender | ServedModule,
    *,
    k: int | None = None,
    max_k: int = LONGEST,
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
        k: length of a list where the request names none; None is 10, or max_k where that is
            shorter.
        max_k: longest list a request may ask for. It is cut, with a warning, to the number of
            items, or to 100 where there are fewer.
        index: "exact" compares a user with all items; "ivf" with those of some cells, see
            `ServedByIndex`, which vectors and sequence models can; "auto" is "ivf" for these of at
            least `INDEX_FROM` items where the recall can be reached, else "exact".
        recall: share of the items of exact lists of length k that lists of an index should have.
        tables: how vectors are kept: "float32", "float16", or "int8" with a scale for each; see
            `small_tables`. With an index, "int8" keeps each item once, in its cell, see
            `cell_table`; the others beside the int8 rows of the cells. Next-item models take
            "int8" with an index alone.
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
    if index == "exact" and recall != RECALL:
        warnings.warn(
            f'`recall` is that of an index and counts for nothing with index="exact". '
            f"Received: {recall!r}.",
            stacklevel=2,
        )
    form = _form(
        model, k=k, max_k=max_k, index=index, recall=recall, tables=tables, held_out=held_out
    )
    lists = form.lists if isinstance(form, ServedMultiTask) else form
    if index == "ivf" and not isinstance(lists, IndexedLists):
        raise ValueError(
            f'`index` should be "exact" for a model that is not served as vectors. Received: '
            f'"ivf" for {type(model).__name__}.'
        )
    if tables != "float32" and getattr(lists, "tables", None) is None:
        raise ValueError(
            '`tables` should be "float32" for a model that is not served as vectors, and for a '
            'graph made before; next-item models take "int8" with an index. '
            f"Received: {tables!r} for {type(model).__name__}."
        )
    return form


def _form(
    model, *, k: int | None, max_k: int, index: str, recall: float, tables: str, held_out
) -> ServedModule:
    lists_alone = {"k": k, "max_k": max_k, "recall": recall, "held_out": held_out}
    if isinstance(model, ServedModule):
        _refuse(lists_alone, "a graph that is made already", model)
        return model
    inner = model
    while isinstance(getattr(inner, "model", None), keras.Model):
        inner = inner.model
    if isinstance(inner, RankingModel) and inner.contexts is not None:
        _refuse(lists_alone, "a ranking tower with a context, which serves no lists,", inner)
        return ServedRanking(inner)
    if isinstance(inner, HistoryModel):
        k, max_k = list_lengths(k, max_k, inner.interactions.num_items)
        small = {"tables": tables, "held_out": held_out}
        return _sequences(inner, index=index, recall=recall, **small, k=k, max_k=max_k)
    data = getattr(model, "interactions", None)
    if not isinstance(data, Interactions) or not callable(getattr(model, "score", None)):
        raise ValueError(
            "`model` should be a recommender with `interactions` (its training data) and "
            f"`score(user_index)`. Received: {type(model).__name__}. Two towers of your own become "
            "one by `models.TowerRecommender`; another graph is exported as a subclass of "
            "`serving.ServedModule`."
        )
    k, max_k = list_lengths(k, max_k, data.num_items)
    frozen = model.frozen() if hasattr(model, "frozen") else model

    def score(index: np.ndarray) -> np.ndarray:
        block = users_per_block(data.num_items)
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
    plain = (
        as_vectors(model, frozen, tried, expected)
        or as_item_weights(model, tried, expected, unknown)
        or as_table(model, data, score, unknown)
    )

    def lists(kind: type[ServedRecommender], **settings) -> ServedRecommender:
        scorer, report, scores = plain, None, score
        if tables != "float32" and isinstance(plain, VectorScorer):
            scorer, report = small_scorer(
                plain,
                data,
                unknown,
                kind=tables,
                in_cells=tables == "int8" and kind is ServedByIndex,
                k=k,
                held_out=held_out,
            )
            scores = scorer.expected_scores
        served = kind(
            scorer,
            data,
            score=scores,
            unknown_scores=unknown,
            k=k,
            max_k=max_k,
            new_users=_new_users(inner, scorer),
            **settings,
        )
        served.tables = report
        return served

    served = None
    if isinstance(plain, PairedVectors):
        served = _by_index(lambda: lists(ServedByIndex, recall=recall), index, data.num_items)
    served = served or lists(ServedRecommender)
    if isinstance(inner, MultiTaskModel):
        return ServedMultiTask(served, ServedRanking(inner.ranking))
    return served


def export(
    model: Recommender | ServedModule,
    directory: str | os.PathLike,
    *,
    k: int | None = None,
    max_k: int = LONGEST,
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
        k, max_k: length of a list where a request names none, and the longest it may ask for, as
            in `served_form`.
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


def _refuse(settings: Mapping, kind: str, model) -> None:
    """ValueError where a setting of lists, other than its default, is given for a model without."""
    defaults = {"k": None, "max_k": LONGEST, "recall": RECALL, "held_out": None}
    for name, value in settings.items():
        if name == "held_out":
            value = None if value is None else f"{type(value).__name__} of {len(value):,} rows"
        if value != defaults[name]:
            raise ValueError(
                f"`{name}` should be left out for {kind} and would count for nothing. Received: "
                f"{value} for {type(model).__name__}."
            )


def _sequences(
    model, *, index: str, recall: float, tables: str, held_out, **settings
) -> ServedSequences:
    """Next-item models, by an index where it is asked for, or pays; networks alone have vectors."""
    found = None
    if isinstance(model, SequenceModel):

        def lists() -> ServedSequences:
            network, report = model, None
            if tables == "int8":
                network, report = small_sequences(model, k=settings["k"], held_out=held_out)
            served = ServedSequencesByIndex(network, recall=recall, **settings)
            served.tables = report
            return served

        found = _by_index(lists, index, model.interactions.num_items)
    return found or ServedSequences(model, **settings)


def _by_index(
    make: Callable[[], ServedRecommender], index: str, num_items: int
) -> ServedRecommender | None:
    """What `make` gives where an index is asked for, or pays."""
    if index == "exact" or (index == "auto" and num_items < INDEX_FROM):
        return None
    if num_items < USEFUL_FROM:
        warnings.warn(
            f'index="ivf" buys nothing for {num_items:,} items: below about {USEFUL_FROM:,} exact '
            "lists are as quick, and no item is missing.",
            stacklevel=5,
        )
    try:
        return make()
    except ValueError as error:
        if index == "ivf":
            raise
        warnings.warn(f"Lists are exact. {error}", stacklevel=5)
        return None


def _new_users(model, scorer: Scorer) -> ServedNewUsers | ServedQueries | None:
    """Queries by columns, where a model of two towers with some is served as its vectors."""
    if not isinstance(scorer, PairedVectors):
        return None
    if ServedQueries.possible(model):
        return ServedQueries(model, scorer.dim)
    data, model = model.interactions, getattr(model, "retrieval", model)
    if isinstance(model, VectorRecommender) and model.new_users is not None:
        scale, prior = model.new_user_prior()
        return ServedNewUsers(model.new_users, data, scorer.dim, scale=scale, prior=prior)
    if type(model) is TwoTower and NewUsers.possible(model):
        return ServedNewUsers(NewUsers.of(model), data, scorer.dim)
    return None
