"""What e fake users cannot change in the lists of an ensemble, counted on held-out interactions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.certified.bounds import (
    barred_items,
    clean_fraction,
    kept_items,
    least_models,
    vote_bounds,
)
from advrec_tf.defence.certified.kept import Kept, kept_measures, require_test
from advrec_tf.defence.certified.subset_ensemble import SubsetEnsemble


@dataclasses.dataclass(frozen=True, kw_only=True)
class Certificate(Kept):
    """What holds for every attack by `num_fakes` users.

    Attributes:
        num_fakes: users that are added, with whatever interactions.
        clean: fraction of the subsets that hold none of them.
        confidence: with which it holds for each user.
        least_models: how many models it takes at that confidence to keep any hit, at the best; None
            where no number does, since too few subsets are clean.
    """

    num_fakes: int
    clean: float
    confidence: float
    least_models: int | None = None


def certify(
    ensemble: SubsetEnsemble,
    test: Interactions,
    num_fakes: Sequence[int],
    *,
    k: int = 10,
    confidence: float = 0.999,
) -> list[Certificate]:
    """A certificate for each number of fakes.

    It is about the ensemble of *all* subsets of the data with the fakes in it, and about real users
    whose own interactions stay as they are. `confidence` is that of each user's certificate, all
    its bounds together: a third of the doubt each is on the votes of the held-out items from below,
    on those of all items from above, and on those of all items from below. The last is for what is
    barred: the votes themselves chose the items of the list, so that bounds on these alone would
    not hold.

    Args:
        ensemble: fitted on clean data.
        test: held-out interactions of the same users and items.
        num_fakes: each >= 0.
        k: length of the lists, >= 1.
        confidence: of a user's certificate, in (0, 1).

    Raises:
        ValueError: if it is no `SubsetEnsemble`, the users or items differ, nothing is held out
            that users do not have, or a number is out of range.
    """
    if not isinstance(ensemble, SubsetEnsemble):
        raise ValueError(
            "`ensemble` should be a `SubsetEnsemble`, whose votes are counted. "
            f"Received: {type(ensemble).__name__}."
        )
    given = list(num_fakes) if isinstance(num_fakes, Iterable) else []
    if not given or not all(_is_count(fakes) for fakes in given):
        raise ValueError(
            "`num_fakes` should be a list of whole numbers >= 0, one at least. "
            f"Received: {num_fakes!r}."
        )
    train = ensemble.interactions
    require_test(train, test, k)
    sizes = (train.num_users, train.num_items)
    seen, wanted = train.by_user(), test.by_user()
    has_item = np.zeros(sizes, bool)
    has_item[seen.users(), seen.items] = True
    users = np.flatnonzero(wanted.counts > 0)
    scores = np.where(has_item, -np.inf, np.asarray(ensemble.score(np.arange(sizes[0]))))
    lists = [np.argsort(-scores[user], kind="stable")[:k] for user in users]
    relevant = [np.setdiff1d(wanted[user], seen[user]) for user in users]
    counted = [place for place, items in enumerate(relevant) if len(items)]
    third = 1.0 - (1.0 - confidence) / 3.0

    def bounds(comparisons):
        votes, models = ensemble.votes, ensemble.num_models
        found = vote_bounds(votes, models, confidence=third, comparisons=comparisons, sides=1)
        return [np.where(has_item, np.nan, bound) for bound in found]

    lower, upper = bounds(sizes[1])
    most = max((len(items) for items in relevant), default=1)
    lower_of_held_out, _ = bounds(max(most, 1))
    found = []
    for fakes in given:
        clean = clean_fraction(sizes[0], ensemble.subset_size, fakes)
        budget = {"clean": clean, "k": k}
        rows = []
        for place in counted:
            user, listed, items = users[place], lists[place], relevant[place]
            hits = np.intersect1d(listed, items)
            own = lower_of_held_out[user], upper[user]
            kept = kept_items(*own, hits, votes_each=ensemble.votes_each, **budget).sum()
            others = np.setdiff1d(np.flatnonzero(~has_item[user]), listed)
            barred = barred_items(lower[user], upper[user], listed=listed, **budget)[others]
            rows.append((len(hits), kept, len(items), barred.mean() if len(others) else 1.0))
        least = least_models(
            votes_each=ensemble.votes_each,
            confidence=third,
            comparisons=(max(most, 1), sizes[1]),
            **budget,
        )
        found.append(
            Certificate(
                num_fakes=int(fakes),
                clean=clean,
                confidence=confidence,
                least_models=least,
                **kept_measures(np.array(rows), k),
            )
        )
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0
