"""The settings of an audit: one frozen record, checked when built."""

from __future__ import annotations

import dataclasses

from advrec_tf.pipelines.settings import SplitSettings, at_least, described, positive


@described
@dataclasses.dataclass(frozen=True, kw_only=True)
class AuditSettings(SplitSettings):
    """Everything that decides the result of `job.run`, apart from data and model.

    The split should be the one that the model was trained with.

    Attributes:
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

    max_users: int = 2000
    radii: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    profiles: int | None = None
    targets: int = 2
    certify: int = 0
    group_column: tuple[str, ...] = ()

    RULES = (
        *at_least(20, "max_users"),
        *positive("radii"),
        *at_least(1, "profiles targets"),
        ("certify", "0, or a number of models", lambda v: v >= 0),
    )
