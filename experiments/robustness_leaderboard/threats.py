"""Named threat models, and the rows of the leaderboard: which model stands behind which defence.

A threat model never changes under its name and version: what is added or altered gets a new one, so
that rows measured at different times can stand in one table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.pipelines.attack.cell import (
    ADAPTIVE,
    BEST_RESPONSE,
    KNOWING,
    NONE,
    Cell,
    why_unfit,
)
from advrec_tf.pipelines.attack.setting import AttackSetting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThreatModel:
    """What an attacker may do.

    Attributes:
        name, version: never reused for something else.
        accounts: fake users, each with the published or the mean number of fillers and the target.
        groups: of targets; those that data lack are left out.
        attacks: names in `ATTACKS`, made with all interactions, without trying them on the defence;
            and of `KNOWING`, which try them.
        adaptive: whether the adaptive attacker is tried, who knows model and defence and picks the
            best of several attacks on a copy of both.
        note: a sentence on what some of the attacks know after all.
    """

    name: str
    version: int
    accounts: int
    groups: tuple[str, ...]
    attacks: tuple[str, ...]
    adaptive: bool
    note: str = ""

    @property
    def title(self) -> str:
        """What it is called by: its first version by its name alone."""
        return self.name if self.version == 1 else f"{self.name}/{self.version}"


_HEURISTIC = ("average", "segment", "average-over-popular", "copy", "copy-of-four")
_INFORMED = "copy-of-community"

THREATS: Mapping[str, ThreatModel] = {
    threat.title: threat
    for threat in (
        ThreatModel(
            name="push-quick",
            version=1,
            accounts=50,
            groups=("published", "mid", "popular"),
            attacks=_HEURISTIC,
            adaptive=False,
        ),
        ThreatModel(
            name="push-quick",
            version=2,
            accounts=50,
            groups=("published", "mid", "popular"),
            attacks=(*_HEURISTIC, _INFORMED),
            adaptive=False,
            note=f"{_INFORMED} is made to pass weights by coherence, the others know no defence.",
        ),
        ThreatModel(
            name="push-quick",
            version=3,
            accounts=50,
            groups=("published", "mid", "popular"),
            attacks=(*_HEURISTIC, _INFORMED, BEST_RESPONSE),
            adaptive=False,
            note=f"{_INFORMED} is made to pass weights by coherence; {BEST_RESPONSE} knows model "
            "and defence and tries settings of a campaign (accounts, length, shared fillers, "
            "sources, community, ratings) on a copy of both, and what worked best there is "
            "injected; the others know no defence.",
        ),
        ThreatModel(
            name="push",
            version=1,
            accounts=50,
            groups=("published", "mid", "popular"),
            attacks=(*_HEURISTIC, "aush", "legup"),
            adaptive=True,
        ),
    )
}
"""Title -> threat model. Fifty accounts push one item into the lists of real users."""

EVIDENCE = "remove-suspicious-by-overlap+rank-by-evidence"
ROWS = (
    *(("ease", name) for name in (NONE, "remove-suspicious-by-overlap", "rank-by-evidence")),
    ("ease", EVIDENCE),
    ("ease", "remove-suspicious-by-overlap+independence-weights+rank-by-evidence"),
    ("ease", "cap-contributions"),
    ("ease", "coherence-weights"),
    ("ease", "level-counts"),
    ("ease", "coherence-weights+level-counts"),
    ("ease", "verified-counts"),
    ("ease", "coherence-weights+verified-counts+level-counts"),
    ("ease", "verified-bounds"),
    ("ease", "coherence-weights+verified-bounds"),
    ("ease", "coherence-weights+verified-bounds-at-0.5"),
    ("ease", "coherence-weights+rank-by-evidence"),
    ("ease", "subset-ensemble"),
    *((model, name) for model in ("softmax_mf", "autoencoder") for name in (NONE, EVIDENCE)),
    *(("biased_mf", name) for name in (NONE, "remove-suspicious-by-overlap", EVIDENCE)),
)
"""(model, defence), in the order of the table."""


def checked_rows(names: list[str] | None) -> tuple[tuple[str, str], ...]:
    """Rows given as MODEL:DEFENCE, by default `ROWS`.

    Raises:
        ValueError: if one is written otherwise, or a name is unknown.
    """
    if not names:
        return ROWS
    rows = []
    for name in names:
        model, _, defence = name.partition(":")
        if model not in VICTIMS or defence not in DEFENCES:
            raise ValueError(
                f"`rows` should be MODEL:DEFENCE with a model of {', '.join(VICTIMS)} and a "
                f"defence that `advrec attack` lists. Received: {name!r}."
            )
        rows.append((model, defence))
    return tuple(rows)


def checked_groups(names: list[str], threat: ThreatModel) -> tuple[str, ...] | None:
    """The groups named, in the order of the threat model; None for none, which means all.

    Raises:
        ValueError: if the threat model has no such group.
    """
    unknown = [name for name in names if name not in threat.groups]
    if unknown:
        raise ValueError(
            f"`groups` should be of {', '.join(threat.groups)}, which the threat model "
            f"{threat.title} has. Received: {unknown[0]!r}."
        )
    return tuple(group for group in threat.groups if group in names) or None


def cells_of(
    threat: ThreatModel,
    rows: tuple[tuple[str, str], ...],
    setting: AttackSetting,
    *,
    groups: tuple[str, ...] | None = None,
    targets: int,
    seeds: int,
) -> list[Cell]:
    """The cells of all rows that fit the data, seeds outermost.

    Args:
        groups: of targets; None for all of the threat model.

    Raises:
        ValueError: if an attack of the threat model is unknown.
    """
    unknown = [attack for attack in threat.attacks if attack not in (*ATTACKS, *KNOWING)]
    if unknown:
        known = "`ATTACKS` or `KNOWING`"
        raise ValueError(f"`attacks` should be of {known}. Received: {unknown[0]!r}.")
    attacks = (NONE, *threat.attacks, *((ADAPTIVE,) if threat.adaptive else ()))
    size = min(1.0, threat.accounts / setting.split.train.num_users)
    cells = [
        Cell(
            attack=attack,
            victim=model,
            defence=defence,
            group=group,
            target=target,
            size=size,
            seed=seed,
        )
        for seed in range(seeds)
        for model, defence in rows
        for group in (threat.groups if groups is None else groups)
        for target in setting.targets.get(group, ())[:targets]
        for attack in attacks
    ]
    return [cell for cell in cells if why_unfit(cell, setting) is None]
