"""Injection of fake profiles into interactions, with the labels of the users.

An attack generates a matrix of profiles; only this module turns it into users of a data set, with
ids, ratings, times and features. Real interactions keep their values and positions. Generating
profiles is left to the attacks, detecting them to `defence`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.ops.rng import RNG


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Poisoned:
    """Interactions with fake users in them, and the labels.

    Attributes:
        interactions: the real ones, unchanged and first; then those of the fake users, whose
            indices follow those of the real users.
        is_fake: [num_users] bool.
        targets: [targets] int32, the items pushed or nuked, sorted and without repeats.
        attack: name of the attack; those of several injections are joined by " + ".

    Raises:
        ValueError: if `is_fake` does not have one entry a user, a real user follows a fake one,
            or a target is not an item index.
    """

    interactions: Interactions
    is_fake: np.ndarray
    targets: np.ndarray
    attack: str

    def __post_init__(self):
        users, items = self.interactions.num_users, self.interactions.num_items
        if self.is_fake.shape != (users,) or self.is_fake.dtype != bool:
            raise ValueError(
                f"`is_fake` should be [{users}] bool. "
                f"Received: {self.is_fake.shape} {self.is_fake.dtype}."
            )
        if (np.diff(self.is_fake.astype(np.int8)) < 0).any():
            raise ValueError("`is_fake` should be False before it is True. Received a mixture.")
        object.__setattr__(self, "targets", _checked_targets(self.targets, items))

    def __repr__(self) -> str:
        fake = int(self.is_fake.sum())
        return f"Poisoned({self.attack!r}: {fake} fake users in {self.interactions!r})"

    @property
    def num_real(self) -> int:
        """Number of real users; their indices are 0..num_real - 1, as in the clean data."""
        return int((~self.is_fake).sum())

    def fake_interactions(self) -> np.ndarray:
        """[interactions] bool: those of fake users."""
        return self.is_fake[self.interactions.user_index]

    def as_train_of(self, split: Split) -> Split:
        """The split with these training interactions; its validation and test parts stay real.

        Raises:
            ValueError: if the real interactions here are not the training part of `split`.
        """
        ours, clean = self.interactions, split.train
        real = int((~self.fake_interactions()).sum())
        if (
            real != len(clean)
            or self.num_real != clean.num_users
            or not np.array_equal(ours.user_index[:real], clean.user_index)
            or not np.array_equal(ours.item_index[:real], clean.item_index)
        ):
            raise ValueError(
                f"`split` should train on the {real} real interactions of {self.num_real} users. "
                f"Received: {split!r}."
            )
        whole = {
            name: getattr(ours, name)
            for name in ("users", "items", "user_features", "item_features", "item_text")
        }
        return dataclasses.replace(
            split,
            train=ours,
            validation=dataclasses.replace(split.validation, **whole).with_schema_of(ours),
            test=dataclasses.replace(split.test, **whole).with_schema_of(ours),
            settings={
                **split.settings,
                "attack": self.attack,
                "fake_users": len(ours.users) - self.num_real,
            },
        )


def inject(
    clean: Interactions | Poisoned,
    profiles: np.ndarray,
    *,
    targets: np.ndarray,
    attack: str,
    rng: RNG,
) -> Poisoned:
    """`clean` with one new user for each profile.

    The result of an earlier call may be given: the users of a second attack follow those of the
    first.

    A fake user gets an id that no user has. Where real interactions have times or a context, a
    fake one gets those of a random real one; where users have features, a fake user gets those of
    a random real user: neither reveals it.

    Args:
        profiles: [num_profiles, num_items] float32, ratings on the scale of the data, 0 where the
            item is not rated. Without ratings in `clean` every value above 0 is an interaction.
        targets: [targets] int, the items the profiles push or nuke.
        attack: name of the attack, for reports.
        rng: of times and features.

    Raises:
        ValueError: if the profiles have another number of items, a value outside the range of
            the data's ratings, or one is empty; or a target is not an item index.

    Examples:
        >>> import numpy as np
        >>> import advrec_tf as ar
        >>> data = ar.data.load("synthetic", num_users=40, num_items=30).interactions
        >>> rng, targets = np.random.default_rng(0), np.array([3])
        >>> attack = ar.attacks.AverageAttack(num_profiles=5, num_fillers=4)
        >>> profiles = attack.profiles(data, targets, rng=rng)
        >>> poisoned = ar.attacks.inject(data, profiles, targets=targets, attack="average", rng=rng)
        >>> int(poisoned.is_fake.sum()), poisoned.interactions.num_users
        (5, 45)
    """
    rng = np.random.default_rng(rng)
    profiles = np.asarray(profiles)
    data = clean.interactions if isinstance(clean, Poisoned) else clean
    _check_profiles(profiles, data)
    users, items = np.nonzero(profiles)
    return joined(
        clean,
        users,
        items,
        rating=profiles[users, items],
        timestamp=None,
        targets=targets,
        attack=attack,
        rng=rng,
    )


def joined(clean, users, items, *, rating, timestamp, targets, attack, rng) -> Poisoned:
    """`clean` with fake interactions: their users [n], counted from 0, and items [n].

    Times that are not given are drawn from those of real interactions.
    """
    rng = np.random.default_rng(rng)
    truth = clean if isinstance(clean, Poisoned) else None
    data = clean.interactions if truth else clean
    targets = _checked_targets(targets, data.num_items)
    count = int(users.max()) + 1
    real = np.flatnonzero(~truth.is_fake) if truth else np.arange(data.num_users)
    num_real = int((~truth.fake_interactions()).sum()) if truth else len(data)
    time, features, context = data.timestamp, data.user_features, data.context
    if time is not None:
        if timestamp is None:
            timestamp = time[rng.integers(num_real, size=len(users))]
        time = np.concatenate([time, timestamp])
    if data.rating is not None:
        rating = np.concatenate([data.rating, rating.astype(data.rating.dtype)])
    if context is not None:
        copied = context.iloc[rng.integers(num_real, size=len(users))]
        context = pd.concat([context, copied], ignore_index=True)
    if features is not None:
        copied = features.iloc[real[rng.integers(len(real), size=count)]]
        features = pd.concat([features, copied], ignore_index=True)
    interactions = dataclasses.replace(
        data,
        user_index=np.concatenate([data.user_index, (data.num_users + users).astype(np.int32)]),
        item_index=np.concatenate([data.item_index, items.astype(np.int32)]),
        users=_with_new_ids(data.users, count),
        rating=None if data.rating is None else rating,
        timestamp=time,
        user_features=features,
        context=context,
    ).with_schema_of(data)
    before = truth.is_fake if truth else np.zeros(data.num_users, bool)
    return Poisoned(
        interactions=interactions,
        is_fake=np.concatenate([before, np.ones(count, bool)]),
        targets=np.union1d(truth.targets, targets) if truth else targets,
        attack=f"{truth.attack} + {attack}" if truth else attack,
    )


def _with_new_ids(users: Vocabulary, count: int) -> Vocabulary:
    """The same ids and `count` new ones of their type, none of them in use."""
    ids = users.ids
    if ids.dtype.kind in "iu":
        return Vocabulary(np.concatenate([ids, ids.max(initial=-1) + 1 + np.arange(count)]))
    known, fresh, number = set(ids.tolist()), [], 0
    while len(fresh) < count:
        if (name := f"fake-{number}") not in known:
            fresh.append(name)
        number += 1
    return Vocabulary([*ids.tolist(), *fresh])


def _checked_targets(targets: np.ndarray, num_items: int) -> np.ndarray:
    targets = np.unique(np.asarray(targets))
    if not len(targets) or targets.dtype.kind not in "iu" or targets[0] < 0:
        raise ValueError(f"`targets` should hold item indices. Received: {targets.tolist()}.")
    if targets[-1] >= num_items:
        raise ValueError(f"`targets` should be items, 0..{num_items - 1}. Received: {targets[-1]}.")
    return targets.astype(np.int32)


def _check_profiles(profiles: np.ndarray, data: Interactions) -> None:
    if profiles.ndim != 2 or not len(profiles) or profiles.shape[1] != data.num_items:
        raise ValueError(
            f"`profiles` should be [num_profiles, {data.num_items}]. Received: {profiles.shape}."
        )
    if not np.isfinite(profiles).all() or profiles.min() < 0:
        raise ValueError(
            "`profiles` should be finite and >= 0. Received NaN, infinite or negative."
        )
    empty = np.flatnonzero(~profiles.any(axis=1))
    if len(empty):
        raise ValueError(f"`profiles` should each rate an item. Received {empty[0]} without any.")
    if data.rating is not None and not np.isnan(data.rating).all():
        low, high = np.nanmin(data.rating), np.nanmax(data.rating)
        given = profiles[profiles > 0]
        if given.min() < low or given.max() > high:
            raise ValueError(
                f"`profiles` should hold ratings of the data's range, {low:g}..{high:g}, or 0. "
                f"Received: {given.min():g}..{given.max():g}."
            )
