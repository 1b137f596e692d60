"""The requests that check what a served recommender answers to histories, and the right answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from advrec_tf.serving.lists import LOWEST, NO_ITEM, Reference
from advrec_tf.serving.module import REPEATS, Case, Together, Values
from advrec_tf.serving.recommender_cases import known_limits, restricted

_CANDIDATES = 3


def history_cases(
    reference: Reference, *, k: int, max_k: int, score: Callable[[np.ndarray], np.ndarray]
) -> list[Case]:
    """The histories of the sample, and two that say nothing.

    Args:
        k: length of a list.
        max_k: the longest list a request may ask for.
        score: [n, num_items] float32 of 0 and 1 -> the scores of these histories, same shape.
    """
    known = reference.index[reference.index < reference.num_users]
    own = [[reference.item_ids[i] for i in reference.seen[user]] for user in known]
    padded = padded_histories([*own, [reference.unknown_item], []])
    profile = np.zeros((len(padded), reference.num_items), np.float32)
    for row, ids in enumerate(padded):
        profile[row, reference.items(ids)] = 1.0
    says_nothing = profile.sum(axis=1) == 0
    scores = np.where(says_nothing[:, None], reference.scores[-1], score(profile))
    return [
        *requests_by_history(reference, padded, scores, profile > 0, k=k, popular=says_nothing),
        *restricted_requests(
            reference, padded, scores, profile > 0, max_k=max_k, popular=says_nothing
        ),
    ]


def padded_histories(histories: Sequence[Sequence[str]]) -> list[list[str]]:
    """Ids of equally long rows, padded at their ends."""
    longest = max(map(len, histories))
    return [[*row, *[NO_ITEM] * (longest - len(row))] for row in histories]


def requests_by_history(
    reference: Reference,
    padded: Sequence[Sequence[str]],
    scores: np.ndarray,
    closed: np.ndarray,
    *,
    k: int,
    popular: np.ndarray,
) -> list[Case]:
    """`recommend_from_history`: all histories in one request, and the first alone.

    Args:
        padded: [n, places] ids, of equal length.
        scores: [n, num_items].
        closed: [n, num_items] bool, what may not be listed.
        k: length of a list.
        popular: [n] bool, the histories that say nothing.
    """
    signature = "recommend_from_history"
    scores = np.where(closed, LOWEST, scores)
    return [
        Case(
            title="histories",
            signature=signature,
            inputs={"item_id": padded},
            expected=Together(
                reference.of(scores, k, popular=popular), known_items(reference, padded)
            ),
        ),
        Case(
            title="one history",
            signature=signature,
            inputs={"item_id": padded[:1]},
            expected=Together(
                reference.of(scores[:1], k, popular=popular[:1]),
                known_items(reference, padded[:1]),
            ),
            repeat=REPEATS,
        ),
    ]


def restricted_requests(
    reference: Reference,
    padded: Sequence[Sequence[str]],
    scores: np.ndarray,
    closed: np.ndarray,
    *,
    max_k: int,
    popular: np.ndarray,
    users: Mapping[str, Sequence[str]] | None = None,
) -> list[Case]:
    """`recommend_from_history_restricted` and `score_from_history`, of which the latter scores what
    a user has as well.

    Args:
        padded, scores, closed, popular: as of `requests_by_history`.
        max_k: the longest list a request may ask for.
        users: the input that says whose the histories are, where the model reads users.
    """
    signature = "recommend_from_history_restricted"
    limits, candidates = restricted(reference, np.where(closed, LOWEST, scores), max_k=max_k)
    inputs = {"item_id": padded, **limits, **(users or {})}
    known = known_items(reference, padded)
    step = max(1, reference.num_items // _CANDIDATES)
    places = (np.arange(len(scores))[:, None] + step * np.arange(_CANDIDATES)) % reference.num_items
    asked = [
        [*(reference.item_ids[item] for item in row), reference.unknown_item] for row in places
    ]
    found = np.take_along_axis(scores, places, axis=1)
    right = {
        "score": np.pad(found, [(0, 0), (0, 1)]),
        "known_candidate": np.array([[True] * _CANDIDATES + [False]] * len(scores)),
    }
    scored = {"item_id": padded, "candidate_item_id": asked, **(users or {})}
    alone = [
        Case(
            title="one history",
            signature=signature,
            inputs={name: value[:1] for name, value in inputs.items()},
            expected=reference.of(candidates[:1], limits["k"][:1], popular=popular[:1]),
            repeat=REPEATS,
        ),
        Case(
            title="candidates of one history",
            signature="score_from_history",
            inputs={name: value[:1] for name, value in scored.items()},
            expected=Values({name: value[:1] for name, value in right.items()}),
            repeat=REPEATS,
        ),
    ]
    return [
        Case(
            title="histories",
            signature=signature,
            inputs=inputs,
            expected=Together(
                reference.of(candidates, limits["k"], popular=popular),
                known,
                known_limits(reference, limits),
            ),
        ),
        Case(
            title="k over the longest",
            signature=signature,
            inputs={**inputs, "k": [max_k + 1] * len(padded)},
            expected=None,
        ),
        Case(
            title="candidates, an unknown one among them",
            signature="score_from_history",
            inputs=scored,
            expected=Together(Values(right), known),
        ),
        *alone,
    ]


def known_items(reference: Reference, padded: Sequence[Sequence[str]]) -> Values:
    """What is answered beside the lists of histories: how many of the ids of each are known."""
    known = [sum(name in reference.item_index for name in row) for row in padded]
    return Values({"known_items": np.array(known, np.int32)})
