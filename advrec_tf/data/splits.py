"""Ways to split interactions into train, validation and test, each chosen by name.

A split keeps the vocabularies whole, so an index means the same id in every part. Repeated
pairs are refused: `filters.without_repeats` decides which interaction stands for a pair, before the
split. What a split leaks is left to `audit`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user
from advrec_tf.data.split_parts import Split, cut
from advrec_tf.data.time_units import length_of_day, time_of
from advrec_tf.data.vocabulary import Vocabulary


def last_item(interactions: Interactions, *, ties: str | None = None, seed: int = 0) -> Split:
    """Each user's last item in time is test, the one before it validation.

    A user with two interactions has no validation part, one with a single interaction only
    trains. Without times all are in the order of the file.

    Args:
        interactions: with each pair once.
        ties: what orders interactions of one user at one time, "hash", "file" or "id", see
            `ties.TieRule`; by default the rule of the interactions, which is "hash" unless they
            were given another. The parts keep it.
        seed: of the hash, where `ties` is given.

    Raises:
        ValueError: if a pair is repeated, a time is NaN, or there is no such rule.

    Examples:
        >>> import advrec_tf as ar
        >>> interactions = ar.data.load("synthetic", num_users=40, num_items=30).interactions
        >>> split = ar.data.last_item(interactions)
        >>> len(split.train) + len(split.validation) + len(split.test) == len(interactions)
        True
    """
    if ties is not None:
        interactions = interactions.with_ties(ties, seed=seed)
    _check(interactions)
    settings = {"order": "file"}
    if interactions.timestamp is not None:
        settings = {"order": "time"} | interactions.ties.as_dict()
    from_end, counts = _position_from_end(interactions, ordered_by_user(interactions)[0])
    test = (from_end == 0) & (counts >= 2)
    validation = (from_end == 1) & (counts >= 3)
    return cut("last_item", interactions, validation, test, settings)


def last_day(interactions: Interactions, *, day: float | None = None) -> Split:
    """All items of each user's last day are test, those of the day before it validation.

    The days of a user are those with an interaction, so "the day before" is the user's last but
    one. A user with two days has no validation part, one with a single day only trains. The order
    within a day decides nothing, so times that are whole days, or are sorted by id within one,
    give nothing away.

    Args:
        interactions: with times, and each pair once.
        day: length of a day in the units of the times, which are taken from 0; by default 24
            hours, the unit (seconds to nanoseconds since 1970) found by the size of the times.

    Raises:
        ValueError: if there are no times, one is NaN, a pair is repeated, `day` is not positive
            or cannot be found, or nobody has two days.
    """
    _check(interactions)
    time = _times_of(interactions)
    try:
        day = length_of_day(time) if day is None else float(day)
    except ValueError as error:
        raise ValueError(f"{error} Give `day`, the length of a day in their unit.") from error
    if not day > 0:
        raise ValueError(f"`day` should be > 0. Received: {day!r}.")
    days = np.floor(time / day)
    order = np.lexsort((days, interactions.user_index))
    new_user = np.diff(interactions.user_index[order], prepend=-1) != 0
    number = np.cumsum(new_user | (np.diff(days[order], prepend=-np.inf) != 0))
    last = np.zeros(interactions.num_users, np.int64)
    first = last.copy()
    last[interactions.user_index[order]] = number  # of equal users the last one stays
    first[interactions.user_index[order[::-1]]] = number[::-1]
    from_end = np.empty(len(order), np.int64)
    from_end[order] = last[interactions.user_index[order]] - number
    several = (last - first + 1)[interactions.user_index]
    test = (from_end == 0) & (several >= 2)
    if not test.any():
        raise ValueError(
            "`interactions` should hold a user with two days. Received "
            f"{len(interactions)} interactions, each user's within one day of {day:g}."
        )
    validation = (from_end == 1) & (several >= 3)
    return cut("last_day", interactions, validation, test, {"day": day})


def random_ratio(
    interactions: Interactions, *, validation: float = 0.1, test: float = 0.2, seed: int = 0
) -> Split:
    """A random fraction of each user's interactions, rounded to the nearest number (a half up).

    Every user keeps at least one interaction in train; where there are few, test comes before
    validation.

    Raises:
        ValueError: if a pair is repeated, or the fractions leave nothing to train on.
    """
    _check(interactions)
    _check_shares(validation, test)
    shuffled = np.random.default_rng(seed).permutation(len(interactions))
    order = np.lexsort((shuffled, interactions.user_index))
    from_end, counts = _position_from_end(interactions, order)
    num_test = np.minimum(np.floor(counts * test + 0.5), counts - 1)
    num_validation = np.minimum(np.floor(counts * validation + 0.5), counts - 1 - num_test)
    in_test = from_end < num_test
    in_validation = ~in_test & (from_end < num_test + num_validation)
    settings = {"validation": validation, "test": test, "seed": seed}
    return cut("random_ratio", interactions, in_validation, in_test, settings)


def global_time(
    interactions: Interactions,
    *,
    validation: float = 0.1,
    test: float = 0.1,
    validation_from: float | str | None = None,
    test_from: float | str | None = None,
) -> Split:
    """The latest fraction of all interactions is test, the latest before it validation: nothing in
    train is later than anything in test, whoever the user.

    Interactions of equal time fall on the same side, the later one, so a part may hold more than
    its fraction. `settings` records both cuts, the first times of validation and of test.

    Args:
        interactions: with times, and each pair once.
        validation, test: fractions of the interactions.
        validation_from, test_from: first moment of the part in place of its fraction: a date such
            as "2014-04-07" (UTC), or a number in the unit of the times. With `test_from` alone
            `validation` is a fraction of all interactions before it.

    Raises:
        ValueError: if there are no times, one is NaN, a pair is repeated, validation would begin
            after test, or a part is empty, as where many times are equal.
    """
    _check(interactions)
    _check_shares(validation, test)
    time = _times_of(interactions)
    ordered, count = np.sort(time), len(time)
    if test_from is None:
        test_cut = ordered[count - max(1, round(count * test))]
    else:
        test_cut = time_of(test_from, time)
    before = int(np.searchsorted(ordered, test_cut))
    if validation_from is None:
        num_test = max(1, round(count * test)) if test_from is None else count - before
        num_validation = round(count * validation)
        validation_cut = ordered[max(0, count - num_test - num_validation)]
    else:
        validation_cut = time_of(validation_from, time)
        num_validation = 1
        if validation_cut > test_cut:
            raise ValueError(
                "`validation_from` should not be later than `test_from`. "
                f"Received: {validation_from!r}, and a test part from {test_cut:g} on."
            )
    in_test = time >= test_cut
    in_validation = ~in_test & (time >= validation_cut)
    sizes = {
        "train": int((~in_test & ~in_validation).sum()),
        "validation": int(in_validation.sum()),
        "test": int(in_test.sum()),
    }
    if not sizes["train"] or not sizes["test"] or (num_validation and not sizes["validation"]):
        raise ValueError(
            "`interactions` should have distinct times enough for every part. "
            f"Received {count} interactions with {len(np.unique(time))} distinct times, which "
            f"gives {sizes}."
        )
    settings = {} if test_from is not None else {"test": test}
    if validation_from is None:
        settings = {"validation": validation} | settings
    settings |= {"validation_from": float(validation_cut), "test_from": float(test_cut)}
    return cut("global_time", interactions, in_validation, in_test, settings)


SPLITS: dict[str, Callable[..., Split]] = {
    "last_item": last_item,
    "last_day": last_day,
    "random_ratio": random_ratio,
    "global_time": global_time,
}


def make(name: str, interactions: Interactions, **settings) -> Split:
    """The split `SPLITS[name]` with its settings.

    Raises:
        ValueError: if there is no such split, or it has no such setting; else as the split.
    """
    if name not in SPLITS:
        raise ValueError(f"`name` should be one of {', '.join(SPLITS)}. Received: {name!r}.")
    known = list(inspect.signature(SPLITS[name]).parameters)[1:]
    unknown = [setting for setting in settings if setting not in known]
    if unknown:
        raise ValueError(
            f"`settings` of {name} should be among ({', '.join(known)}). "
            f"Received: {', '.join(unknown)}."
        )
    return SPLITS[name](interactions, **settings)


def drawn(name: str, interactions: Interactions, seed: int) -> Split:
    """The split `SPLITS[name]`, by the seed where it is drawn at random; errors as `make`."""
    random = name in SPLITS and "seed" in inspect.signature(SPLITS[name]).parameters
    return make(name, interactions, **({"seed": seed} if random else {}))


def from_parts(
    train_pairs: np.ndarray,
    validation_pairs: np.ndarray | None,
    test_pairs: np.ndarray,
    name: str,
    *,
    users: Vocabulary | None = None,
    items: Vocabulary | None = None,
    settings: Mapping | None = None,
) -> Split:
    """A split from ready-made pairs (user id, item id), each part [n, 2], or None for empty.

    Without vocabularies the ids are the indices: integers from 0 to the highest one met.

    Raises:
        ValueError: if an id is unknown or negative, or a pair is repeated, in one part or in two.
    """
    given = {"train": train_pairs, "validation": validation_pairs, "test": test_pairs}
    pairs = {}
    for part, some in given.items():
        listed = np.empty((0, 2), np.int64) if some is None else np.asarray(some)
        if listed.ndim != 2 or listed.shape[1] != 2:
            raise ValueError(f"`{part}_pairs` should be [n, 2]. Received: {listed.shape}.")
        pairs[part] = listed
    stacked = np.concatenate([listed for listed in pairs.values() if len(listed)])
    index = []
    for kind, column, vocabulary in (("users", 0, users), ("items", 1, items)):
        ids = stacked[:, column]
        if vocabulary is None:
            vocabulary = Vocabulary(np.arange(int(ids.max()) + 1))
        found = vocabulary.index_of(ids)
        if found.min() < 0:
            raise ValueError(
                f"`{kind}` should hold every id of the pairs. "
                f"Received an unknown one: {ids.tolist()[found.argmin()]!r}."
            )
        index.append((found, vocabulary))
    (user_index, users), (item_index, items) = index
    whole = Interactions(user_index=user_index, item_index=item_index, users=users, items=items)
    part_of = np.repeat(np.arange(3), [len(listed) for listed in pairs.values()])
    keys = pair_keys(whole)
    repeated = pd.Series(keys).duplicated().to_numpy()
    if repeated.any():
        first = int(repeated.argmax())
        where = [list(pairs)[part] for part in part_of[keys == keys[first]]]
        raise ValueError(
            "The parts should hold each (user, item) pair once. Received "
            f"{int(repeated.sum())} repeats, the first of user {stacked[first, 0]} and item "
            f"{stacked[first, 1]}, in {' and '.join(where)}."
        )
    return cut(name, whole, part_of == 1, part_of == 2, settings or {})


def _check(interactions: Interactions) -> None:
    repeated = pd.Series(pair_keys(interactions)).duplicated().to_numpy()
    if repeated.any():
        first = int(repeated.argmax())
        user = interactions.users.ids.tolist()[interactions.user_index[first]]
        item = interactions.items.ids.tolist()[interactions.item_index[first]]
        raise ValueError(
            "`interactions` should hold each (user, item) pair once, or a pair could be both "
            f"trained on and tested. Received {int(repeated.sum())} repeats, the first of user "
            f'{user!r} and item {item!r}. With `repeats="last"` the split of loaded data keeps the '
            "last of each; ar.data.filters.without_repeats(interactions) does it apart."
        )
    if interactions.timestamp is not None and np.isnan(interactions.timestamp).any():
        missing = int(np.isnan(interactions.timestamp).sum())
        raise ValueError(
            f"`interactions` should have a time each. Received {missing} NaN of "
            f"{len(interactions)}. Apply ar.data.filters.with_times(interactions) first."
        )


def _check_shares(validation: float, test: float) -> None:
    if not (validation >= 0 and test > 0 and validation + test < 1):
        raise ValueError(
            "`validation` and `test` should be fractions of the interactions with validation >= 0, "
            f"test > 0 and a sum below 1. Received: {validation} and {test}."
        )


def _times_of(interactions: Interactions) -> np.ndarray:
    if interactions.timestamp is None:
        raise ValueError("`interactions` should have timestamps. Received interactions without.")
    return interactions.timestamp


def _position_from_end(
    interactions: Interactions, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[n] how many interactions of the same user come after each in `order`, which goes by user,
    and [n] how many that user has."""
    counts = interactions.user_counts()
    after = np.empty(len(interactions), np.int64)
    ends = np.repeat(np.cumsum(counts), counts)
    after[order] = ends - 1 - np.arange(len(interactions))
    return after, counts[interactions.user_index]
