"""What attacks on histories and on training cost a next-item model, budget by budget.

One table for both: an attack of a budget gives the model that answers and the histories it is
shown. For user u with the history shown, the items in it are left out of the list; r is the rank of
an item among the others (1 is best, equal scores count against it):

    ndcg@k              1 / log2(r + 1) where r <= k, of the item that comes next, else 0
    hit_rate@k          1 where r <= k
    target_hit_rate@k   1 where r <= k, of the promoted item, over the users whose history was
                        without it before the attack: the same at every budget

Attacks are in `attacks.sequential`, rankings with several relevant items in `ranking`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE

_CELLS = 2**23


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A line of the curve.

    Attributes:
        budget: of the attack: edits of each history, or fake users.
        ndcg, hit_rate: means over the users, at k.
        target_hit_rate: of the promoted item, NaN where there is none to measure.
        target_users: over so many users.
        ndcg_of_users: [n] float64, of which `ndcg` is the mean, for paired tests.
    """

    budget: float
    ndcg: float
    hit_rate: float
    target_hit_rate: float
    target_users: int = 0
    ndcg_of_users: np.ndarray = dataclasses.field(repr=False, compare=False)


def attack_curve(
    attacked: Callable[[float], tuple[object, np.ndarray]],
    budgets: Iterable[float],
    *,
    next_items: np.ndarray,
    promoted: np.ndarray | int | None = None,
    clean: np.ndarray | None = None,
    k: int = 10,
) -> list[CurvePoint]:
    """Accuracy and success of an attack against its budget.

    Args:
        attacked: budget -> (model, histories): anything with `score_history(histories) -> [n,
            num_items]`, and [n, places] int32, item indices, `NONE` at the left. Pollution of
            profiles returns the model as it is and edited histories; poisoning a model that was
            trained with fake users, and the real users' histories as they are.
        budgets: such as 0, 1, 2, 5; 0 is the clean line by convention.
        next_items: [n] int, what really came after each history.
        promoted: the item that the attack promotes, one or one for each history.
        clean: [n, places] the histories before the attack, which say who is without the promoted
            item; by default those of the first budget.
        k: length of the lists, >= 1.

    Raises:
        ValueError: if `k` < 1, the shapes do not fit or a score is NaN.
    """
    if k < 1:
        raise ValueError(f"`k` should be >= 1. Received: {k!r}.")
    next_items = np.asarray(next_items)
    wanted = None if promoted is None else np.broadcast_to(promoted, next_items.shape)
    points = []
    for budget in budgets:
        model, shown = attacked(budget)
        clean = np.asarray(shown if clean is None else clean)
        if len(clean) != len(next_items):
            raise ValueError(
                f"`clean` should have a history for each of {len(next_items)} next items. "
                f"Received: {clean.shape}."
            )
        points.append(_point(budget, model, shown, next_items, wanted, clean, k))
    return points


def _point(budget, model, histories, next_items, promoted, clean, k) -> CurvePoint:
    items = next_items[:, None]
    if promoted is not None:
        items = np.stack([next_items, promoted], axis=1)
    rank = ranks(model, histories, items)
    hit = rank <= k
    target, users = np.nan, 0
    if promoted is not None:
        asked = ~(clean == promoted[:, None]).any(1)
        users = int(asked.sum())
        target = hit[asked, 1].mean() if users else np.nan
    ndcg = np.where(hit[:, 0], 1 / np.log2(rank[:, 0] + 1.0), 0.0)
    return CurvePoint(
        budget=budget,
        ndcg=float(ndcg.mean()),
        hit_rate=float(hit[:, 0].mean()),
        target_hit_rate=float(target),
        target_users=users,
        ndcg_of_users=ndcg,
    )


def ranks(model, histories: np.ndarray, items: np.ndarray) -> np.ndarray:
    """[n, m] int64: the ranks of items after each history, the history's other items left out.

    Args:
        model: anything with `score_history(histories) -> [n, num_items]`.
        histories: [n, places] int32, `NONE` at the left.
        items: [n, m] int. One that stands in its own history is never in the list; its rank is one
            more than the size of the catalogue.

    Raises:
        ValueError: if the shapes do not fit or a score is NaN.
    """
    histories, items = np.asarray(histories, np.int32), np.asarray(items)
    if histories.ndim != 2 or items.ndim != 2 or len(items) != len(histories):
        raise ValueError(
            "`histories` should be [n, places] and have items each, [n, m]. "
            f"Received: {histories.shape} and {items.shape}."
        )
    found, start, block = [np.zeros((0, items.shape[1]), np.int64)], 0, 64
    while start < len(histories):
        shown, wanted = histories[start : start + block], items[start : start + block]
        scores = np.array(model.score_history(tf.constant(shown)), np.float32)
        if np.isnan(scores).any():
            raise ValueError("`score_history` should not give NaN. Received NaN.")
        own = np.take_along_axis(scores, wanted, axis=1)
        row, place = np.nonzero(shown != NONE)
        scores[row, shown[row, place]] = -np.inf
        rank = np.stack([(scores >= own[:, [j]]).sum(1) for j in range(items.shape[1])], axis=1)
        out = (shown[:, :, None] == wanted[:, None, :]).any(1)
        found.append(np.where(out, scores.shape[1] + 1, rank))
        start += block
        block = max(16, _CELLS // scores.shape[1])
    return np.concatenate(found)
