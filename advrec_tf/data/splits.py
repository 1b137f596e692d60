"""Ways to split interactions into train, validation and test, each chosen by name.

A split keeps the vocabularies whole, so an index means the same id in every part. Repeated
pairs are refused: `filters.without_repeats` decides which interaction stands for a pair, before the
split. What a split leaks is left to `audit`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions, Vocabulary


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Split:
    """Three parts over the same vocabularies, and how they were made.

    Attributes:
        name: the strategy, or the name of a published split.
        train, validation, test: the parts; validation may have no interactions.
        settings: what the strategy was given, for the record beside a result.

    Raises:
        ValueError: if the vocabularies differ between the parts.
    """

    name: str
    train: Interactions
    validation: Interactions
    test: Interactions
    settings: Mapping = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for part in ("validation", "test"):
            for kind in ("users", "items"):
                ours, theirs = getattr(self.train, kind), getattr(getattr(self, part), kind)
                if ours is not theirs and not np.array_equal(ours.ids, theirs.ids):
                    raise ValueError(
                        f"`{part}` should have the {kind} of `train`. Received "
                        f"{len(theirs)} {kind} beside {len(ours)}, or the same in another order."
                    )

    def __repr__(self) -> str:
        sizes = [len(part) for part in (self.train, self.validation, self.test)]
        return (
            f"Split({self.name!r}: {sizes[0]:,} train, {sizes[1]:,} validation, {sizes[2]:,} test "
            f"interactions of {self.train.num_users:,} users and {self.train.num_items:,} items)"
        )

    def trainval(self) -> Interactions:
        """Train and validation as one, train first: for a last fit once choices are made."""
        parts = (self.train, self.validation)

        def joined(column: str):
            columns = [getattr(part, column) for part in parts]
            return None if any(c is None for c in columns) else np.concatenate(columns)

        columns = {
            name: joined(name) for name in ("user_index", "item_index", "rating", "timestamp")
        }
        contexts = [part.context for part in parts]
        whole = None
        if not any(context is None for context in contexts):
            whole = pd.concat(contexts, ignore_index=True)
        joint = dataclasses.replace(self.train, **columns, context=whole)
        return joint.with_schema_of(self.train)

    def everything(self) -> Interactions:
        """All three parts as one: what users are known to have, for lists that are served."""
        return dataclasses.replace(self, train=self.trainval(), validation=self.test).trainval()

    def fingerprint(self) -> str:
        """SHA-256 over the three parts."""
        parts = (self.train, self.validation, self.test)
        return hashlib.sha256("".join(part.fingerprint() for part in parts).encode()).hexdigest()


def last_item(interactions: Interactions, *, ties: str = "file") -> Split:
    """Each user's last item in time is test, the one before it validation.

    A user with two interactions has no validation part, one with a single interaction only
    trains. Without times all are in the order of the file.

    Args:
        interactions: with each pair once.
        ties: what orders interactions of one user at one time: "file", their order in the data;
            "id", the item ids in ascending order; "hash", a hash of the user id and the item id,
            which depends neither on the order of the file nor on that of the ids.

    Raises:
        ValueError: if a pair is repeated, a time is NaN, or there is no such rule.
    """
    _check(interactions)
    if ties not in TIES:
        raise ValueError(f"`ties` should be one of {', '.join(TIES)}. Received: {ties!r}.")
    settings = {"order": "file"}
    keys = ()
    if interactions.timestamp is not None:
        keys = (*TIES[ties](interactions), interactions.timestamp)
        settings = {"order": "time", "ties": ties}
    from_end, counts = _position_from_end(interactions, keys)
    test = (from_end == 0) & (counts >= 2)
    validation = (from_end == 1) & (counts >= 3)
    return _cut("last_item", interactions, validation, test, settings)


def _by_id(interactions: Interactions) -> tuple[np.ndarray]:
    rank = np.empty(interactions.num_items, np.int64)
    rank[np.argsort(interactions.items.ids, kind="stable")] = np.arange(len(rank))
    return (rank[interactions.item_index],)


def _by_hash(interactions: Interactions) -> tuple[np.ndarray]:
    def hashes(vocabulary: Vocabulary, key: str) -> np.ndarray:
        texts = np.array([str(value) for value in vocabulary.ids.tolist()], object)
        return pd.util.hash_array(texts, hash_key=key, categorize=False)

    user = hashes(interactions.users, "advrec-tf user 1")[interactions.user_index]
    item = hashes(interactions.items, "advrec-tf item 1")[interactions.item_index]
    mixed = user ^ (item * np.uint64(0x9E3779B97F4A7C15))
    return ((mixed * np.uint64(0xD6E8FEB86659FD93)) ^ (mixed >> np.uint64(32)),)


TIES: dict[str, Callable[[Interactions], tuple]] = {
    "file": lambda interactions: (),
    "id": _by_id,
    "hash": _by_hash,
}
"""What orders the interactions of one user at one time; see `last_item`."""


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
    from_end, counts = _position_from_end(interactions, (shuffled,))
    num_test = np.minimum(np.floor(counts * test + 0.5), counts - 1)
    num_validation = np.minimum(np.floor(counts * validation + 0.5), counts - 1 - num_test)
    in_test = from_end < num_test
    in_validation = ~in_test & (from_end < num_test + num_validation)
    settings = {"validation": validation, "test": test, "seed": seed}
    return _cut("random_ratio", interactions, in_validation, in_test, settings)


def global_time(interactions: Interactions, *, validation: float = 0.1, test: float = 0.1) -> Split:
    """The latest fraction of all interactions is test, the latest before it validation: nothing in
    train is later than anything in test, whoever the user.

    Interactions of equal time fall on the same side, the later one, so a part may hold more than
    its fraction. `settings` records both cuts, the first times of validation and of test.

    Raises:
        ValueError: if there are no times, one is NaN, a pair is repeated, or so many times are
            equal that a part is empty.
    """
    _check(interactions)
    _check_shares(validation, test)
    time = interactions.timestamp
    if time is None:
        raise ValueError("`interactions` should have timestamps. Received interactions without.")
    ordered, count = np.sort(time), len(time)
    num_test = max(1, round(count * test))
    test_from = ordered[count - num_test]
    num_validation = round(count * validation)
    validation_from = ordered[max(0, count - num_test - num_validation)]
    in_test = time >= test_from
    in_validation = ~in_test & (time >= validation_from)
    sizes = {
        "train": int((~in_test & ~in_validation).sum()),
        "validation": int(in_validation.sum()),
        "test": int(in_test.sum()),
    }
    if not sizes["train"] or (num_validation and not sizes["validation"]):
        raise ValueError(
            "`interactions` should have distinct times enough for every part. "
            f"Received {count} interactions with {len(np.unique(time))} distinct times, which "
            f"gives {sizes}."
        )
    settings = {
        "validation": validation,
        "test": test,
        "validation_from": float(validation_from),
        "test_from": float(test_from),
    }
    return _cut("global_time", interactions, in_validation, in_test, settings)


SPLITS: dict[str, Callable[..., Split]] = {
    "last_item": last_item,
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
    pairs = {"train": train_pairs, "validation": validation_pairs, "test": test_pairs}
    for part, listed in pairs.items():
        listed = np.empty((0, 2), np.int64) if listed is None else np.asarray(listed)
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
    return _cut(name, whole, part_of == 1, part_of == 2, settings or {})


def _check(interactions: Interactions) -> None:
    repeated = pd.Series(pair_keys(interactions)).duplicated().to_numpy()
    if repeated.any():
        first = int(repeated.argmax())
        user = interactions.users.ids.tolist()[interactions.user_index[first]]
        item = interactions.items.ids.tolist()[interactions.item_index[first]]
        raise ValueError(
            "`interactions` should hold each (user, item) pair once, or a pair could be both "
            f"trained on and tested. Received {int(repeated.sum())} repeats, the first of user "
            f"{user!r} and item {item!r}. Apply filters.without_repeats(data).interactions first."
        )
    if interactions.timestamp is not None and np.isnan(interactions.timestamp).any():
        missing = int(np.isnan(interactions.timestamp).sum())
        raise ValueError(f"`interactions` should have a time each. Received {missing} NaN.")


def _check_shares(validation: float, test: float) -> None:
    if not (validation >= 0 and test > 0 and validation + test < 1):
        raise ValueError(
            "`validation` and `test` should be fractions of the interactions with validation >= 0, "
            f"test > 0 and a sum below 1. Received: {validation} and {test}."
        )


def _position_from_end(interactions: Interactions, keys: tuple) -> tuple[np.ndarray, np.ndarray]:
    """[n] how many interactions of the same user come after each by `keys` (ties in file order),
    and [n] how many that user has."""
    counts = interactions.user_counts()
    order = np.lexsort((*keys, interactions.user_index))  # stable; the last key sorts first
    after = np.empty(len(interactions), np.int64)
    ends = np.repeat(np.cumsum(counts), counts)
    after[order] = ends - 1 - np.arange(len(interactions))
    return after, counts[interactions.user_index]


def _cut(
    name: str, interactions: Interactions, validation: np.ndarray, test: np.ndarray, settings
) -> Split:
    return Split(
        name=name,
        train=interactions.select(~validation & ~test),
        validation=interactions.select(validation),
        test=interactions.select(test),
        settings=settings,
    )
