"""SavedModels as subjects: those of `serving.export`, and retrieval indices of TFRS.

A SavedModel is code; load only what comes from a source you trust. Where its graph is vectors or a
table of scores they are read from its variables, which is the same as asking for every pair.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.scorers import Scorer, as_scorer
from advrec_tf.pipelines.audit.alignment import (
    check_items,
    indices_of,
    listed,
    scorer_of,
    trained_on_test,
    user_notes,
    vectors_at,
)
from advrec_tf.pipelines.audit.subject import K, Subject
from advrec_tf.serving import folder
from advrec_tf.serving.saved_model_client import SavedModelClient
from advrec_tf.serving.values import ServingError, printable

_BLOCK = 256


def open_saved_model(path: Path, split: Split, fit: Callable | None = None) -> Subject:
    """The highest version in a folder.

    Raises:
        ValueError: if it does not load, or is neither of the two.
        FileNotFoundError: if there is no SavedModel.
    """
    version = folder.latest(path)
    if not (version / folder.METADATA).is_file():
        index = tf.saved_model.load(str(version))
        if not hasattr(index, "_candidates") or not hasattr(index, "query_model"):
            raise ValueError(
                "`--model` should be a SavedModel of `advrec export` or a BruteForce index of TFRS "
                f"with its query model. Received: {path}, which is neither. Write a function that "
                "scores and give it as module:name."
            )
        return of_index(index, split, name=str(path), fit=fit)
    try:
        client = SavedModelClient(version)
    except ServingError as error:
        raise ValueError(printable(str(error))) from error
    return _of_export(client, split, str(path), fit)


def _of_export(client: SavedModelClient, split: Split, name: str, fit) -> Subject:
    train, kind = split.train, client.metadata.get("kind")
    loaded = getattr(client.loaded, "lists", client.loaded)  # lists of a model of several tasks
    if not hasattr(loaded, "users") or "score" not in client.loaded.signatures:
        raise ValueError(
            "`--model` should be a SavedModel that scores users and items. "
            f"Received: {name}, which is a {kind}."
        )
    user_place, item_place = (
        _places(getattr(loaded, table), ids)
        for table, ids in (("users", train.users.ids), ("items", train.items.ids))
    )
    scorer = getattr(loaded, "scorer", None)
    vectors, notes, why = None, (), ""
    if hasattr(scorer, "user_vectors"):
        users, items = scorer.user_vectors.numpy(), scorer.item_vectors.numpy()
        vectors, notes = vectors_at(
            users[:-1], items, users[-1], user_place, item_place, train, name
        )
        scored = scorer_of(vectors, item_place, name)
    else:
        notes = (*check_items(item_place >= 0, train, name), *user_notes(user_place >= 0))
        small = (client.metadata.get("tables") or {}).get("kind")
        why = (
            f"It was exported as {kind}, without vectors."
            if small is None
            else f"Its vectors are kept as {small}; export it with --tables float32."
        )
        scored = _scores_without_vectors(client, loaded, user_place, item_place, name, train)

    takes_histories = "recommend_from_history" in client.loaded.signatures
    longest = min(K, client.metadata.get("max_k") or K)
    most = min(_BLOCK, client.metadata.get("max_batch") or _BLOCK)

    def lists(users):
        ids = train.users.ids[users].tolist()
        return _in_blocks(ids, train, lambda block: client.recommend(block, longest), most)

    def history_lists(histories):
        ids = [train.items.ids[items].tolist() for items in histories]
        return _in_blocks(ids, train, client.recommend_from_history, most)

    return Subject(
        name=name,
        kind=f"SavedModel of advrec: {kind}",
        scorer=scored,
        lists=lists,
        vectors=vectors,
        no_vectors=why,
        history_lists=history_lists if takes_histories else None,
        fit=fit,
        knows_test=trained_on_test((client.metadata.get("metadata") or {}).get("run") or {}, split),
        notes=notes,
    )


def _places(table, ids: np.ndarray) -> np.ndarray:
    """[n] int32, what a restored lookup table holds for each id, -1 where it has none."""
    keys, values = tf.raw_ops.LookupTableExportV2(
        table_handle=table.resource_handle, Tkeys=tf.string, Tvalues=tf.int32
    )
    keys = [key.decode("utf-8", "surrogatepass") for key in keys.numpy().tolist()]
    place = dict(zip(keys, values.numpy().tolist(), strict=True))
    return np.array([place.get(str(value), -1) for value in ids.tolist()], np.int32)


def _scores_without_vectors(client, loaded, user_place, item_place, name: str, train: Interactions):
    """The scorer of an export that is item weights, a table of scores, or asked for each pair."""
    inner, known = getattr(loaded, "scorer", None), item_place >= 0
    if hasattr(inner, "table"):
        table = inner.table.numpy()

        def rows(users):
            return table[user_place[users]]  # -1 is the last row, that of an unknown user

    elif isinstance(getattr(inner, "weights", None), tf.Variable):  # a network has a list of them
        weights, unknown = inner.weights.numpy(), inner.unknown.numpy()
        items, splits = loaded.histories.items.numpy(), loaded.histories.row_splits.numpy()

        def rows(users):
            profile = np.zeros((len(users), len(weights)), np.float32)
            for row, user in enumerate(user_place[users]):
                profile[row, items[splits[user] : splits[user + 1]] if user >= 0 else []] = 1.0
            return np.where((user_place[users] >= 0)[:, None], profile @ weights, unknown)

    else:
        of_pairs = as_scorer(client.loaded, train)  # in the order of the file
        return Scorer(lambda users: np.where(known, of_pairs.score(users), -np.inf), name)

    def score(user_index):
        return np.where(known, rows(np.asarray(user_index))[:, item_place], -np.inf)

    return Scorer(score, name)


def _in_blocks(asked: list, train: Interactions, ask: Callable, most: int) -> np.ndarray:
    """[n, K] items of the file: the answers of a client, whose table has a row an item, to as many
    as `most` at once."""
    lists = [np.zeros((0, K), np.int64)]
    for at in range(0, len(asked), most):
        block = asked[at : at + most]
        # The table names a user as it was asked, or one known by a history by its place.
        names = range(len(block)) if isinstance(block[0], list) else block
        lists.append(listed(ask(block), names, train.items))
    return np.concatenate(lists)


def of_index(
    index, split: Split, *, name: str, fit: Callable | None = None, knows_test: bool | None = None
) -> Subject:
    """A retrieval index of TFRS with its query model: candidates, identifiers and user vectors.

    Raises:
        ValueError: if its query model takes no user ids, or it lacks items of the file.
    """
    train = split.train
    identifiers = [_text(value) for value in np.asarray(index._identifiers).tolist()]
    place = {identifier: row for row, identifier in enumerate(identifiers)}
    item_place = np.array([place.get(str(item), -1) for item in train.items.ids.tolist()])
    candidates = np.asarray(index._candidates)
    users = _query_vectors(index, train, name)
    vectors, notes = vectors_at(
        users,
        candidates,
        np.zeros(users.shape[1]),
        np.arange(len(users)),
        item_place,
        train,
        name,
    )
    in_file = indices_of(identifiers, train.items)

    def lists(user_index):
        scores = users[user_index] @ candidates.T
        return in_file[np.argsort(-scores, axis=1, kind="stable")[:, :K]]

    return Subject(
        name=name,
        kind="retrieval index of TFRS: user and item vectors",
        scorer=scorer_of(vectors, item_place, name),
        lists=lists,
        vectors=vectors,
        fit=fit,
        knows_test=knows_test,
        notes=notes,
    )


def _query_vectors(index, train: Interactions, name: str) -> np.ndarray:
    """[num_users, dim] float32: the answer of the query model to each user id, as text or as an
    integer, whichever it takes."""
    if getattr(index, "query_model", None) is None:
        raise ValueError(
            f"{name} should be an index with its query model, so that it takes user ids. Received "
            "one without."
        )
    ids = train.users.ids.tolist()
    tried = [tf.constant([str(user) for user in ids])]
    if all(isinstance(user, int) for user in ids):
        tried.append(tf.constant(ids, tf.int64))
    for queries in tried:
        try:
            blocks = [
                np.asarray(index.query_model(queries[at : at + 4096]), np.float32)
                for at in range(0, len(ids), 4096)
            ]
        except (TypeError, ValueError, tf.errors.OpError) as error:
            refusal = " ".join(str(error).split())[:200]
            continue
        return np.concatenate(blocks)
    raise ValueError(
        f"The query model of {name} should take user ids, as text or as integers. Received from "
        f"it: {refusal}"
    )


def _text(value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
