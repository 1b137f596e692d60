"""A split of the interactions of a stream: the rows of some users are held, and split in memory.

Validation and test are of a sample of users, whose rows alone are read into memory; every split
that looks at one user at a time can be had. The training interactions stay in the shards, and leave
out the pairs of the other two parts.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data import splits
from advrec_tf.data.filters import last_of_pairs
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.split_parts import Split
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.data.streams.encoding import Encoder, require_times
from advrec_tf.data.ties import TieRule

EVALUATED_USERS = 10_000
PER_USER = ("last_item", "last_day", "random_ratio")
"""The splits that look at one user at a time."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class StreamSplit(Split):
    """A split whose training part is in shards.

    Attributes:
        held: the training interactions of the users that are evaluated.
        whole: all interactions of the stream.
    """

    held: Interactions
    whole: CountedInteractions

    def seen(self) -> Interactions:
        return self.held

    def trainval(self) -> Interactions:
        return self.whole.without(self.test)

    def everything(self) -> Interactions:
        return self.whole


def hold_out(
    data: CountedInteractions,
    name: str = "last_item",
    *,
    users: int = EVALUATED_USERS,
    time_column: str | None = None,
    ties: str = "hash",
    seed: int = 0,
) -> StreamSplit:
    """Split a stream: the parts that are evaluated are of a random sample of its users.

    Reads the stream twice. A pair that is repeated is taken once, the last in time, and where it is
    in validation or test none of its rows trains.

    Args:
        data: the interactions.
        name: one of `PER_USER`, see `splits`.
        users: how many are drawn of those with three rows or more; all where there are fewer.
        time_column: orders the rows of a user; None for the order of the files.
        ties: what orders equal times, see `ties.TieRule`.
        seed: of the sample, and of a split that is drawn.

    Raises:
        ValueError: if there is no such split, nobody has three rows, or a time is missing.
        MissingColumnError: if the stream lacks the column of times.
        DataError: if it holds text or booleans, or is that of the users or items.
    """
    if name not in PER_USER:
        raise ValueError(
            f"`name` should be one of {', '.join(PER_USER)} for a stream: a split by one moment "
            f"for all users needs the times of all rows. Received: {name!r}."
        )
    require_times(data.stream, data.ids, time_column)
    if users < 1:
        raise ValueError(f"`users` should be >= 1. Received: {users!r}.")
    eligible = np.flatnonzero(data.user_counts() >= 3)
    if not len(eligible):
        raise ValueError("`data` should have a user with three rows. Received a stream without.")
    chosen = np.zeros(data.num_users, bool)
    chosen[np.random.default_rng([seed, data.num_users]).permutation(eligible)[:users]] = True
    whole = _rows_of(data, chosen, time_column, TieRule(ties))
    split = splits.drawn(name, whole.select(last_of_pairs(whole)), seed)
    return StreamSplit(
        name=name,
        train=data.without(split.validation, split.test),
        validation=split.validation,
        test=split.test,
        settings={**split.settings, "evaluated_users": int(chosen.sum()), "sample_seed": seed},
        held=split.train,
        whole=data,
    )


def _rows_of(
    data: CountedInteractions, chosen: np.ndarray, time_column: str | None, ties: TieRule
) -> Interactions:
    """The rows of the users in the mask `chosen`, in the order of the files."""
    own = data.encoder
    encoder = Encoder(
        own.ids, own.kinds, own.rating_column, own.withheld, time_column, own.required_time
    )
    parts = []
    for table in data.stream.blocks():
        found = encoder(table)
        taken = chosen[found["user_index"]]
        parts.append({name: values[taken] for name, values in found.items()})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Interactions(
        user_index=columns["user_index"],
        item_index=columns["item_index"],
        users=data.users,
        items=data.items,
        rating=columns.get("label"),
        timestamp=columns.get("timestamp"),
        ties=ties,
    )
