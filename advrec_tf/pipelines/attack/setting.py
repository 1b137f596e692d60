"""The data of an attack: what is trained and tested on, and which items are targets.

Targets come in groups, since an attack that promotes an item few have rated may do nothing for
one that many have rated. What is done to them is left to `runner`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from advrec_tf.attacks.rating_statistics import above_zero
from advrec_tf.data import splits
from advrec_tf.data.filters import without_repeats
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.loading import load
from advrec_tf.data.readers.shilling import SHILLING_SETS, load_shilling
from advrec_tf.data.splits import Split

OWN = "own"
GROUPS = (OWN, "published", "popular", "mid", "tail")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class AttackSetting:
    """A split and the items that are attacked.

    Attributes:
        name: of the data.
        split: interactions to train on and to test on.
        targets: group (a name in `GROUPS`) -> [targets] item indices; a group may be absent.
        segments: target -> published segment items, or {}.
        fillers: items that a fake profile rates beside its target: the published number, or what
            the mean user rates.
        shift: what was added to all ratings so that the lowest is 1, see `above_zero`.
        notes: what the reader left out or doubted, in lines.
    """

    name: str
    split: Split
    targets: Mapping[str, tuple[int, ...]]
    segments: Mapping[int, tuple[int, ...]]
    fillers: int
    shift: float = 0.0
    notes: tuple[str, ...] = ()

    def id_of(self, item: int) -> int | str:
        """The id that the data give an item index."""
        return self.split.train.items.ids[[item]].tolist()[0]


def load_setting(
    data: str,
    *,
    per_group: int = 5,
    seed: int = 0,
    root: str | os.PathLike | None = None,
    own_targets: Sequence[str] = (),
    **columns,
) -> AttackSetting:
    """The setting of a published shilling set, or of any source of `readers.loading.load`.

    A source that is no shilling set is split at random, with a tenth of each user's interactions
    to test on.

    Args:
        data: a name in `SHILLING_SETS`, or a source of `load`.
        per_group: targets drawn in each group.
        seed: of the split and of the targets.
        root: folder of the shilling sets; by default that of the environment.
        own_targets: ids of items, as they stand in the data; they form the group "own".
        columns: as `load` takes them.

    Raises:
        ValueError, FileNotFoundError, DataError: as the readers do; or if an id is unknown.
    """
    shift, notes = 0.0, []
    if data in SHILLING_SETS:
        known = load_shilling(data, root)
        split, published = known.split, known.published_targets[:per_group]
        segments = {t: tuple(items.tolist()) for t, items in known.segments.items()}
        name, fillers = data, known.published_fillers
    else:
        loaded = load(data, **columns)
        interactions, repeats = without_repeats(loaded.interactions)
        notes = str(loaded.report).splitlines()
        if repeats:
            notes.append(f"  left out: earlier rows of a user-item pair: {repeats:,}")
        interactions, shift = above_zero(interactions)
        split = splits.random_ratio(interactions, validation=0.0, test=0.1, seed=seed)
        published, segments, name, fillers = (), {}, Path(data).name, None
    targets = choose_targets(split.train, per_group=per_group, seed=seed)
    if published:
        targets = {"published": tuple(published), **targets}
    if own_targets:
        targets = {OWN: items_of(split.train, own_targets), **targets}
    if fillers is None:
        mean = round(len(split.train) / max(1, int((split.train.user_counts() > 0).sum())))
        fillers = min(mean, split.train.num_items - 1)
    return AttackSetting(
        name=name,
        split=split,
        targets=targets,
        segments=segments,
        fillers=fillers,
        shift=shift,
        notes=tuple(notes),
    )


def items_of(train: Interactions, ids: Sequence[str]) -> tuple[int, ...]:
    """The indices of items by their ids, each once.

    Raises:
        ValueError: if an id is unknown.
    """
    index = {str(item): i for i, item in enumerate(train.items.ids.tolist())}
    unknown = [item for item in ids if item not in index]
    if unknown:
        raise ValueError(
            f"`own_targets` should be ids of items, such as {next(iter(index))}. "
            f"Received: {unknown[0]}."
        )
    return tuple(dict.fromkeys(index[item] for item in ids))


def choose_targets(train: Interactions, *, per_group: int, seed: int) -> dict[str, tuple[int, ...]]:
    """Items drawn from three parts of the catalogue, by their number of interactions.

    Returns:
        "popular": of the tenth with the most interactions; "tail": of those with one to five;
        "mid": of the others that have some. A part without items is absent.
    """
    counts, rng = train.item_counts(), np.random.default_rng(seed)
    popular = np.zeros(len(counts), bool)
    popular[np.argsort(-counts, kind="stable")[: max(1, len(counts) // 10)]] = True
    known = counts > 0
    parts = {
        "popular": popular & known,
        "mid": ~popular & (counts > 5),
        "tail": ~popular & known & (counts <= 5),
    }
    return {
        name: tuple(
            sorted(rng.choice(np.flatnonzero(part), min(per_group, part.sum()), False).tolist())
        )
        for name, part in parts.items()
        if part.any()
    }
