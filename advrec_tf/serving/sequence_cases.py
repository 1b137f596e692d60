"""The requests that check a served next-item model, and the right answers: histories in order, of
users where the model reads them, and states where it is recurrent.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.recurrence import Recurrence
from advrec_tf.serving.history_cases import (
    known_items,
    padded_histories,
    requests_by_history,
    restricted_requests,
)
from advrec_tf.serving.lists import LOWEST, NO_ITEM, Reference
from advrec_tf.serving.module import Case, Together, Values
from advrec_tf.serving.recommender_cases import known_limits, restricted
from advrec_tf.serving.sequence_scorers import SequenceScorer


class NextItemForm(Protocol):
    """What is asked of `sequences.ServedSequences`."""

    scorer: SequenceScorer
    recurrence: Recurrence | None
    repeats: bool
    num_users: int
    num_items: int
    k: int
    max_k: int


def history_cases(served: NextItemForm, reference: Reference) -> list[Case]:
    """The histories of the sample in order, one with gaps, and two that say nothing."""
    windows = served.scorer.windows.numpy()
    known = reference.index[reference.index < served.num_users]
    rows = [windows[user][windows[user] != NONE].tolist() for user in known]
    asked = [[reference.item_ids[item] for item in row] for row in rows]
    gaps = [NO_ITEM, reference.unknown_item]
    padded = padded_histories([*asked, [*gaps, *asked[0], *gaps], [reference.unknown_item], []])
    rows += [rows[0], [], []]
    history = np.full((len(rows), windows.shape[1]), NONE, np.int32)
    closed = np.zeros((len(rows), served.num_items), bool)
    for place, own in enumerate(rows):
        history[place, windows.shape[1] - len(own) :] = own
        closed[place, own] = not served.repeats
    popular = np.array([not own for own in rows])
    scores = served.scorer.expected(history, None)
    cases = requests_by_history(reference, padded, scores, closed, k=served.k, popular=popular)
    cases += _state_cases(served, reference, history, padded, np.where(closed, LOWEST, scores))
    users = None
    if served.scorer.reads_users:
        # The users of the histories, and unknown ones of those that are nobody's.
        user = np.append(known, np.full(len(rows) - len(known), served.num_users))
        ids = [*reference.user_ids, reference.names[-1]]
        users = {"user_id": [ids[place] for place in user]}
        scores = served.scorer.expected(history, user)
        cases.append(
            Case(
                title="histories of users",
                signature="recommend_from_user_history",
                inputs={**users, "item_id": padded},
                expected=Together(
                    reference.of(np.where(closed, LOWEST, scores), served.k, popular=popular),
                    known_items(reference, padded),
                    Values({"known_user": user < served.num_users}),
                ),
            )
        )
    cases += restricted_requests(
        reference, padded, scores, closed, max_k=served.max_k, popular=popular, users=users
    )
    return cases


def _state_cases(
    served: NextItemForm,
    reference: Reference,
    history: np.ndarray,
    asked: list[list[str]],
    scores: np.ndarray,
) -> list[Case]:
    """Lists by the state before the last item of each history and that item.

    Args:
        history: [n, length] int32, what `asked`, ids of n equally long requests, names.
        scores: [n, num_items] of these histories, LOWEST where an item may not be listed.
    """
    if served.recurrence is None:
        return []
    before = np.concatenate([np.full((len(history), 1), NONE, np.int32), history[:, :-1]], 1)
    states = {
        name: served.recurrence.after(tf.constant(items, tf.int32)).numpy()
        for name, items in {"before": before, "after": history}.items()
    }
    # The last name is that of the place `NONE`, -1.
    names = [*reference.item_ids, NO_ITEM]
    newest = [[NO_ITEM, names[row[-1]]] for row in history]
    limits, candidates = restricted(reference, scores, max_k=served.max_k)
    if not served.repeats:  # a state does not tell what it has read
        limits["exclude_item_id"] = [
            [*given, *own] for given, own in zip(limits["exclude_item_id"], asked, strict=True)
        ]
    inputs = {"state": states["before"].tolist(), "item_id": newest, **limits}
    there = history != NONE
    start = Values({"state": states["after"], "known_items": there.sum(1).astype(np.int32)})
    end = Values({"state": states["after"], "known_items": there[:, -1].astype(np.int32)})
    lists = reference.of(candidates, limits["k"], popular=~there.any(axis=1))
    return [
        Case(
            title="histories",
            signature="start_state",
            inputs={"item_id": asked},
            expected=start,
        ),
        Case(
            title="the last item of histories",
            signature="recommend_from_state",
            inputs=inputs,
            expected=Together(lists, end, known_limits(reference, limits)),
        ),
        Case(
            title="k over the longest",
            signature="recommend_from_state",
            inputs={**inputs, "k": [served.max_k + 1] * len(asked)},
            expected=None,
        ),
        *(
            Case(
                title=f"a state of {value:g}",
                signature="recommend_from_state",
                inputs={**inputs, "state": np.full_like(states["before"], value).tolist()},
                expected=None,
            )
            for value in (np.nan, 1e30)
        ),
    ]
