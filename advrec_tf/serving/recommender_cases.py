"""The requests that check a served recommender, and the right answers.

They are made of a `lists.Reference`, the scores of the model in memory, one function for each
signature of `recommender.ServedRecommender`; those of histories are in `history_cases`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from advrec_tf.serving.lists import LOWEST, NO_ITEM, Reference
from advrec_tf.serving.module import REPEATS, Case, Together, Values

LISTED = 2**16
"""Ids that the answers to a request for the longest lists hold, or those of one user."""


def list_cases(reference: Reference, *, k: int, max_k: int) -> list[Case]:
    """`serving_default`, `recommend` with its limits and `recommend_index`.

    Args:
        k: length of a list where the request names none.
        max_k: the longest list a request may ask for.
    """
    names, unknown = reference.names, reference.unknown_item
    count = len(names)
    # Per user: the best items, some of them to exclude, others to allow.
    tops = np.argsort(-reference.lists(k=1).candidates, axis=1)[:, :3]
    best = [[reference.item_ids[item] for item in row] for row in tops]
    lengths = [1 + place % max_k for place in range(count)]
    # Ids are text, and each is compared: the longest lists are asked for fewer users.
    few = np.linspace(0, count - 1, max(1, min(count, LISTED // max_k))).astype(int).tolist()

    def recommend(title, users, k, exclude=None, allow=None, *, refused=False, **settings):
        named = [names[user] for user in users]
        padding = [[NO_ITEM]] * len(named)
        inputs = {
            "user_id": named,
            "k": k,
            "exclude_item_id": padding if exclude is None else exclude,
            "allow_item_id": padding if allow is None else allow,
        }
        expected = None
        if not refused:
            lists = reference.lists(users, k=k, exclude=exclude, allow=allow)
            expected = Together(
                lists, known_users(reference, users), known_limits(reference, inputs)
            )
        return Case(
            title=title, signature="recommend", inputs=inputs, expected=expected, **settings
        )

    everyone, one = range(count), [0]
    by_index = [*reference.index[:-1].tolist(), reference.num_users + 5, -1]
    of_index = [*range(count - 1), count - 1, count - 1]
    return [
        Case(
            title="default",
            signature="serving_default",
            inputs={"user_id": names},
            expected=Together(reference.lists(k=k), known_users(reference, everyone)),
        ),
        recommend("k of 1", everyone, [1] * count),
        recommend("a k for each user", everyone, lengths),
        recommend(
            "longest, with an item excluded for each user",
            few,
            [max_k] * len(few),
            exclude=[[NO_ITEM, best[place][0], unknown] for place in few],
        ),
        recommend(
            "items allowed for every other user",
            everyone,
            [min(2, max_k)] * count,
            allow=[
                [row[-1], row[0], unknown] if place % 2 else [NO_ITEM] * 3
                for place, row in enumerate(best)
            ],
        ),
        recommend("k of 0", everyone, [0] * count, refused=True),
        recommend("k over the longest", one, [max_k + 1], refused=True),
        recommend("fewer k than users", [0, count - 1], [1], refused=True),
        Case(
            title="by index",
            signature="recommend_index",
            inputs={"user_index": by_index},
            expected=reference.lists(of_index, k=k),
        ),
        Case(
            title="one user",
            signature="serving_default",
            inputs={"user_id": names[:1]},
            expected=reference.lists(one, k=k),
            repeat=REPEATS,
        ),
        recommend("one user", one, [k], exclude=[best[0][:1]], repeat=REPEATS),
        Case(
            title="one user",
            signature="recommend_index",
            inputs={"user_index": by_index[:1]},
            expected=reference.lists(of_index[:1], k=k),
            repeat=REPEATS,
        ),
    ]


def known_users(reference: Reference, places: Sequence[int]) -> Values:
    """What is answered beside the lists of the users at these places of the names."""
    return Values({"known_user": reference.index[list(places)] < reference.num_users})


def known_limits(reference: Reference, inputs: Mapping[str, Any]) -> Values:
    """What is answered of the ids that restrict the lists of a request: which of them are known."""
    outputs = {"known_excluded": "exclude_item_id", "known_allowed": "allow_item_id"}
    return Values(
        {
            name: np.array([[one in reference.item_index for one in row] for row in inputs[asked]])
            for name, asked in outputs.items()
        }
    )


def score_cases(reference: Reference) -> list[Case]:
    """`score`: pairs, an unknown item, and pairs that are none."""
    names, item_ids = reference.names, reference.item_ids
    step = max(1, reference.num_items // len(names))
    items = [place * step % reference.num_items for place in range(len(names))]
    scores = reference.scores[np.arange(len(names)), items]
    inputs = {
        "user_id": [*names, names[0]],
        "item_id": [*(item_ids[item] for item in items), reference.unknown_item],
    }
    known_users = [*(reference.index < reference.num_users), True]
    known_items = [True] * len(names) + [False]
    first = {name: value[:1] for name, value in inputs.items()}
    return [
        Case(
            title="scores",
            signature="score",
            inputs=inputs,
            expected=Values(
                {
                    "score": [*scores, 0.0],
                    "known_user": known_users,
                    "known_item": known_items,
                }
            ),
        ),
        Case(
            title="users and items of different number",
            signature="score",
            inputs={"user_id": names[:1], "item_id": item_ids[:1] * 2},
            expected=None,
        ),
        Case(
            title="one user",
            signature="score",
            inputs=first,
            expected=Values(
                {"score": scores[:1], "known_user": known_users[:1], "known_item": [True]}
            ),
            repeat=REPEATS,
        ),
    ]


def restricted(
    reference: Reference, scores: np.ndarray, *, max_k: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Lengths, exclusions and allowed items of a request, and its scores, LOWEST where an item may
    not be listed: each row excludes its best item, every other one allows its two best alone.

    Args:
        scores: [n, num_items], LOWEST where an item may not be listed anyhow.
        max_k: the longest list a request may ask for.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    candidates = scores.copy()
    candidates[np.arange(len(scores)), best[:, 0]] = LOWEST
    for place in range(1, len(scores), 2):
        closed = np.ones(reference.num_items, bool)
        closed[best[place]] = False
        candidates[place, closed] = LOWEST
    inputs: dict[str, Any] = {
        "k": [1 + place % max_k for place in range(len(scores))],
        "exclude_item_id": [[NO_ITEM, reference.item_ids[first]] for first, *_ in best],
        "allow_item_id": [
            [reference.item_ids[item] for item in row] if place % 2 else [NO_ITEM] * len(row)
            for place, row in enumerate(best)
        ],
    }
    return inputs, candidates


def feature_cases(
    reference: Reference,
    columns: Mapping[str, np.ndarray],
    scores: np.ndarray,
    *,
    known: np.ndarray,
    max_k: int,
) -> list[Case]:
    """`recommend_from_features`: users and contexts as if they were new, and nobody.

    Args:
        columns: column name -> [count], of `ServedNewUsers.sample`.
        scores: [count, num_items], of these columns.
        known: [count] bool, who is known by any of them; the others get the popular list.
        max_k: the longest list a request may ask for.
    """
    scores = np.maximum(np.where(known[:, None], scores, reference.scores[-1:]), LOWEST)
    limits, candidates = restricted(reference, scores, max_k=max_k)
    lengths, popular = limits["k"], ~known
    signature = "recommend_from_features"
    listed = {name: np.asarray(values).tolist() for name, values in columns.items()}
    inputs = {**limits, **listed}
    first = {name: values[:1] for name, values in inputs.items()}
    return [
        Case(
            title="columns of users",
            signature=signature,
            inputs=inputs,
            expected=Together(
                reference.of(candidates, lengths, popular=popular), known_limits(reference, limits)
            ),
        ),
        Case(
            title="k of 0",
            signature=signature,
            inputs={**inputs, "k": [0] * len(scores)},
            expected=None,
        ),
        Case(
            title="columns of different length",
            signature=signature,
            inputs={**inputs, "k": lengths[:-1]},
            expected=None,
        ),
        Case(
            title="one user",
            signature=signature,
            inputs=first,
            expected=reference.of(candidates[:1], lengths[:1], popular=popular[:1]),
            repeat=REPEATS,
        ),
    ]
