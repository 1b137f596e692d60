"""One way to score for models, callables, retrieval indices and exported models.

Evaluators, attacks and defences need one method, `score(user_index) -> [batch, num_items]`.
`as_scorer` gives it to what has another interface. Ranking and metrics are left to the evaluators.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.same_ids import require_same_ids
from advrec_tf.ops.versions import latest

SIGNATURES = ("score",)
_MOST_PAIRS = 2**17


class Scorer:
    """`score(user_index)` by a function.

    Args:
        function: user indices [batch] int32 tensor -> scores [batch, num_items].
        name: of the model, for messages.
    """

    def __init__(self, function: Callable, name: str):
        self._function = function
        self.name = name

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32."""
        return tf.cast(tf.convert_to_tensor(self._function(user_index)), tf.float32)


def as_scorer(
    model,
    interactions: Interactions,
    *,
    query: Callable[[np.ndarray], object] | None = None,
    users: np.ndarray | None = None,
):
    """What scores users of `interactions` by `score(user_index) -> [batch, num_items]`.

    Args:
        model: one of
            an object with such a `score`, which is returned as it stands for repeated scoring (its
                `frozen()` where it has one);
            a retrieval index that TFRS trains with (`tfrs.layers.factorized_top_k.BruteForce` and
                its like), called as `index(queries, k=num_items) -> (scores, identifiers)`; its
                identifiers are external item ids, and items it does not list score -inf;
            a SavedModel of `serving.export`, as the folder of a model or of one of its versions, or
                loaded by `tf.saved_model.load`: its signature `score` takes external ids. It is
                code: load only what comes from a source you trust;
            any other callable, user indices [batch] -> scores [batch, num_items].
        interactions: whose users and items the indices are of.
        query: for a retrieval index, external user ids [batch] -> queries; by default the ids as
            text if the vocabulary is text, and as they are otherwise.
        users: [n] indices of the users who will be scored; by default all.

    Raises:
        ValueError: if `model` is none of these, its `score` needs more than ids, or it has
            `interactions` in which the indices are of other items or users.
        FileNotFoundError: if a folder holds no SavedModel.
    """
    if isinstance(model, (str, os.PathLike)):
        model = tf.saved_model.load(os.fspath(latest(model)))
    if callable(getattr(model, "score", None)) and not hasattr(model, "signatures"):
        require_own_indices(model, interactions, users)
        frozen = getattr(model, "frozen", None)
        return model if frozen is None else frozen()
    name = type(model).__name__
    if hasattr(model, "signatures"):
        absent = [signature for signature in SIGNATURES if signature not in model.signatures]
        if absent:
            raise ValueError(
                f"`model` should have the signature {absent[0]!r}, as `serving.export` gives it. "
                f"Received a SavedModel with: {', '.join(sorted(model.signatures)) or 'none'}."
            )
        inputs = set(model.signatures["score"].structured_input_signature[1])
        if inputs != {"user_id", "item_id"}:
            raise ValueError(
                "`model` should score by ids alone, `score(user_id, item_id)`. Received a "
                f"SavedModel whose `score` takes {', '.join(sorted(inputs))}."
            )
        return Scorer(_of_saved_model(model, interactions), name)
    if hasattr(model, "query_with_exclusions"):
        return Scorer(_of_index(model, interactions, query), name)
    if callable(model):
        return Scorer(model, getattr(model, "__name__", name))
    raise ValueError(
        "`model` should have `score(user_index)`, be a retrieval index, a SavedModel or its "
        f"folder, or a callable. Received: {model!r}."
    )


def require_own_indices(model, interactions: Interactions, users: np.ndarray | None = None) -> None:
    """Refuse a model that was trained on other vocabularies; one without `interactions` passes.

    Args:
        users: as of `as_scorer`; a model may have users beside these, such as injected ones.

    Raises:
        ValueError: if it was; it names the first difference.
    """
    own = getattr(model, "interactions", None)
    if isinstance(own, Interactions):
        asked = np.arange(interactions.num_users) if users is None else users
        names = "the interactions of the evaluation", f"`model`, {type(model).__name__},"
        require_same_ids(interactions, own, names, users=asked)


def checked_scores(scorer, user_index: np.ndarray | tf.Tensor, num_items: int) -> tf.Tensor:
    """[batch, num_items] float32 by `scorer.score`.

    Raises:
        ValueError: if the scores have another shape.
    """
    user_index = tf.convert_to_tensor(user_index, tf.int32)
    scores = tf.cast(tf.convert_to_tensor(scorer.score(user_index)), tf.float32)
    if scores.shape != (len(user_index), num_items):
        raise ValueError(
            f"`score` of {name_of(scorer)} should return [{len(user_index)}, {num_items}]. "
            f"Received: {scores.shape}."
        )
    return scores


def name_of(scorer) -> str:
    """What messages call a scorer."""
    return getattr(scorer, "name", None) or type(scorer).__name__


def _of_saved_model(model, interactions: Interactions) -> Callable:
    item_ids = tf.constant([str(item) for item in interactions.items.ids])
    user_ids = np.array([str(user) for user in interactions.users.ids], object)
    function, most = model.signatures["score"], _MOST_PAIRS

    def of_pairs(user, item):
        """As many pairs at once as the graph takes: it refuses more before it scores any."""
        nonlocal most
        found, at = [], 0
        while at < len(user):
            block = slice(at, at + most)
            try:
                found.append(function(user_id=user[block], item_id=item[block])["score"])
            except tf.errors.InvalidArgumentError:
                if most == 1:
                    raise
                most = max(1, min(most, len(user)) // 2)
                continue
            at += most
        return tf.concat(found, 0)

    def score(user_index):
        users = tf.constant(user_ids[np.asarray(user_index)].tolist(), tf.string)
        shape = [len(users), len(item_ids)]
        found = of_pairs(tf.repeat(users, shape[1]), tf.tile(item_ids, shape[:1]))
        return tf.reshape(found, shape)

    return score


def _of_index(index, interactions: Interactions, query: Callable | None) -> Callable:
    num_items = interactions.num_items
    place = {_text(item): i for i, item in enumerate(interactions.items.ids.tolist())}

    def score(user_index):
        ids = interactions.users.ids[np.asarray(user_index)]
        queries = tf.constant(ids.tolist()) if query is None else query(ids)
        try:
            scores, listed = index(queries, k=num_items)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"`model` should be an index of all {num_items} items. {error.message}"
            ) from error
        scores, listed = np.asarray(scores, np.float32), np.asarray(listed)
        found = np.full((len(ids), num_items), -np.inf, np.float32)
        items = np.array([place.get(_text(item), -1) for item in listed.ravel().tolist()])
        items = items.reshape(listed.shape)
        user, position = np.nonzero(items >= 0)
        found[user, items[user, position]] = scores[user, position]
        return found

    return score


def _text(item) -> str:
    return item.decode() if isinstance(item, bytes) else str(item)
