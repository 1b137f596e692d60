"""What bounds by verified users promise on some data, beside their cost and plain EASE.

Reports of attacks and the leaderboard show it.
"""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np

from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.certified.bounded import certify_bounded
from advrec_tf.defence.evidence.verified_bounds import VerifiedBounds
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.ops.words import counted
from advrec_tf.pipelines.attack.certificates import time_of
from advrec_tf.pipelines.attack.defended import train_defended

WIDTHS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
_NDCG = "ndcg@10"
_HEAD = (
    *("width", "NDCG@10", "hits", "kept", "share", "barred", "precision@10", "recall@10"),
    "NDCG@10 at least",
)


def bounded(train: Interactions, test: Interactions, verified: np.ndarray) -> dict:
    """The certificates of EASE within bounds by verified users, as JSON values.

    Args:
        train, test: what is learned from, and held-out interactions of the same users and items.
        verified: ids of users who are known to be real.

    Returns:
        `verified`, how many; `ndcg_ease` of plain EASE; `seconds` and `seconds_ease` of a training;
        and `curve`, a `BoundedCertificate` with its `kept_share` and the NDCG@10 that is reached
        without an attack, under `ndcg_clean`, for each of `WIDTHS`.

    Raises:
        ValueError: if fewer than two verified users have interactions, or nothing is held out.
    """
    defence = VerifiedBounds(verified=verified.tolist(), widths=[1.0])
    started = time.perf_counter()
    rows = defence.training_data(train, seed=0)
    ranking = train_defended("ease", rows, defence, seed=0)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    VICTIMS["ease"].train(train, seed=0)
    seconds_ease = time.perf_counter() - started
    evaluator = RankingEvaluator(train, test, ks=(10,))

    def ndcg(width: float) -> float:
        return evaluator.evaluate(dataclasses.replace(ranking, width=width)).metrics[_NDCG]

    return {
        "verified": len(verified),
        "ndcg_ease": ndcg(math.inf),
        "seconds": seconds,
        "seconds_ease": seconds_ease,
        "curve": [
            dataclasses.asdict(one) | {"kept_share": one.kept_share, "ndcg_clean": ndcg(one.width)}
            for one in certify_bounded(ranking, test, widths=WIDTHS)
        ],
    }


def words_of(found: dict) -> str:
    """What was certified, at which cost, and what the columns of `rows_of` say."""
    return (
        f"EASE within bounds by {counted(found['verified'], 'verified user')}: each score stays "
        "near that of EASE on these users alone, by a width times what two halves of them "
        f"disagree; NDCG@10 {found['ndcg_ease']:.4f} without bounds, {time_of(found['seconds'])} "
        f"seconds beside {time_of(found['seconds_ease'])}. Whatever accounts do that are not "
        "verified, and however many they are: *kept* are the hits that stay in their lists, "
        "*barred* the unlisted items that cannot enter one; precision, recall and the last NDCG "
        "are at least these, the first NDCG is what is reached without an attack. At width 0 the "
        "verified users rank alone."
    )


def rows_of(found: dict) -> list[tuple[str, ...]]:
    """A head, and a row of text for each width."""
    return [
        _HEAD,
        *(
            (
                f"{one['width']:g}",
                f"{one['ndcg_clean']:.4f}",
                str(one["hits"]),
                str(one["kept"]),
                *(f"{one[name]:.3f}" for name in ("kept_share", "barred")),
                *(f"{one[name]:.4f}" for name in ("precision", "recall", "ndcg")),
            )
            for one in found["curve"]
        ),
    ]
