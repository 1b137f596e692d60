"""The settings of an audit: one frozen record, checked when built."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """Everything that decides the result of `job.run`, apart from data and model.

    Attributes:
        split: How the test interactions are chosen: the last item of each user (last_item), all
            items of each user's last day (last_day), a random part (random_ratio), or the latest of
            all (global_time). It should be the split
            that the model was trained with.
        ties: What orders interactions of a user with equal times: a hash of the ids (hash), their
            order in the file (file), or the ids of the items (id).
        minimum_rating: Interactions rated lower than this are left out.
        k_core: Users and items with fewer interactions are left out, until all have as many.
        seed: The seed of everything that is drawn.
        max_users: The largest number of users that are measured; more are sampled.
        radii: The radii of the evasion attack, each a fraction of a vector's norm.
        profiles: The number of fake profiles that each kind of poisoning injects. By default 50,
            and at most a tenth of the users.
        targets: The number of items that are attacked, each alone.
        certify: The number of models of EASE, each on ten random users, whose votes are certified
            against any number of fake users. By default 0: no certificates. The more models, the
            tighter the bounds. Each model scores all users: 3,000 take about a minute on 943 users
            and 1,682 items, and more in proportion to models, users and items; the memory is that
            of several tables of users x items.
        group_column: The columns of users whose groups are compared. By default they are all that
            have 2 to 10 values, and numbers, which are cut at their median.
    """

    split: Literal["last_item", "last_day", "random_ratio", "global_time"] = "last_item"
    ties: Literal["hash", "file", "id"] = "hash"
    minimum_rating: float | None = None
    k_core: int = 0
    seed: int = 0
    max_users: int = 2000
    radii: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    profiles: int | None = None
    targets: int = 2
    certify: int = 0
    group_column: tuple[str, ...] = ()

    def __post_init__(self):
        rules = (
            ("k_core", ">= 0", lambda v: v >= 0),
            ("seed", "in 0..2147483647", lambda v: 0 <= v < 2**31),
            ("max_users", ">= 20", lambda v: v >= 20),
            ("radii", "one or more numbers > 0", lambda v: v and all(r > 0 for r in v)),
            ("profiles", ">= 1", lambda v: v is None or v >= 1),
            ("targets", ">= 1", lambda v: v >= 1),
            ("certify", "0, or a number of models", lambda v: v >= 0),
        )
        for name, wanted, holds in rules:
            value = getattr(self, name)
            if not holds(value):
                raise ValueError(f"`{name}` should be {wanted}. Received: {value!r}.")

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
