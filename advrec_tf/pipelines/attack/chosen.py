"""What attackers chose who know the defence: searched, as JSON values, and as a table of a page."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np

from advrec_tf.attacks.campaign import SETTINGS, CampaignAttack
from advrec_tf.attacks.heuristic import Attack, SegmentAttack
from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.adaptive import BestResponse, EvadingAttack
from advrec_tf.pipelines.attack.cell import ADAPTIVE, BEST_RESPONSE
from advrec_tf.pipelines.attack.responses import ADAPTIVE_CANDIDATES
from advrec_tf.pipelines.progress import LOG

ABOUT = {
    ADAPTIVE: "The attack adaptive knows model and defence: it tries several attacks on a copy of "
    "both and injects the one that worked best there.",
    BEST_RESPONSE: "The attack best-response knows model and defence: on a copy of both it tries "
    "settings of a campaign, whose accounts are copies of real users, and injects what worked best "
    "there.",
}
"""Attack -> what it does, in a sentence."""
COLUMNS = (
    "*accounts* are those registered. Of a campaign: *length*, the fraction of the fillers that "
    "each account rates; *shared*, the fraction of its fillers that all accounts have; *sources*, "
    "the users that an account is copied from, out of a *community* of so many users who are "
    "alike, *around target* if they are like one who has the target; *mean ratings* if fillers are "
    "rated by their mean and not as copied. *tried*: the attacks on the attacker's copy; *hit "
    "rate@k*: the share of users there who had the target among their first k items under the one "
    "chosen."
)
UNDEFENDED = (
    "The column *undefended* is of the same accounts, which were chosen against the defence: one "
    "who attacks a model without it might choose others that do better."
)
_SETTINGS = [name for name in SETTINGS if name != "accounts"]
_HEAD = ("target", "seed", "attack", "accounts", *_SETTINGS, "tried")
_WORDS = {True: "yes", False: "no", None: "all"}


def searched(
    attack: BestResponse,
    interactions: Interactions,
    targets: np.ndarray,
    *,
    rng: np.random.Generator,
    name: str,
) -> tuple[np.ndarray, dict]:
    """The profiles that the attacker chose, and what they are, with a line of the log for every
    attack that is tried.

    Args:
        attack, interactions, targets, rng: as of `BestResponse.choose`.
        name: of the search, in the lines.

    Returns:
        [accounts, num_items] float32, and JSON values: as `described`, `registered`, the accounts;
        `tried`, the number of attacks; and `hit_rate` at `k` of the chosen one on the copy.
    """
    evading = attack.num_evading if getattr(attack.defence, "detector", None) is not None else 0
    most = len(attack.candidates) + min(evading, len(attack.candidates)) + attack.num_tries
    started = time.perf_counter()

    def tell(rates: Sequence[float]) -> None:
        LOG.info(
            f"{name}: tried {len(rates)} of at most {most}, hit rate {rates[-1]:.4f}, best so far "
            f"{max(rates):.4f}, {time.perf_counter() - started:.0f} s"
        )

    profiles, found, rates = attack.choose(interactions, targets, rng=rng, told=tell)
    return profiles, {
        **described(found),
        "registered": len(profiles),
        "tried": len(rates),
        "hit_rate": max(rates),
        "k": attack.k,
    }


def described(attack: Attack) -> dict:
    """`attack`, its name; `evading`, true where the least suspicious of its profiles are taken;
    and the settings of a campaign."""
    if isinstance(attack, WrappedAttack):
        evading = {"evading": True} if isinstance(attack, EvadingAttack) else {}
        return described(attack.attack) | evading
    if isinstance(attack, CampaignAttack):
        return {"attack": "campaign", **{name: getattr(attack, name) for name in SETTINGS}}
    if isinstance(attack, SegmentAttack):  # a published segment does not change its name
        attack = dataclasses.replace(attack, segment=None)
    budget = {"num_profiles": attack.num_profiles, "num_fillers": attack.num_fillers}
    names = (name for name in ADAPTIVE_CANDIDATES if ATTACKS[name].build(**budget) == attack)
    return {"attack": next(names, type(attack).__name__)}


def rows_of(cells: Sequence[dict]) -> list[tuple[str, ...]]:
    """A head, and a row of text for each cell that has `chosen`; without any, nothing."""
    rows: list[tuple[str, ...]] = []
    for cell in cells:
        if "chosen" not in cell:
            continue
        found = cell["chosen"]
        evading = ", the least suspicious" if found.get("evading") else ""
        rows.append(
            (
                str(found["item_id"]),
                str(cell["seed"]),
                f"{found['attack']}{evading}",
                str(found["registered"]),
                *(_text(found[name]) if name in found else "" for name in _SETTINGS),
                str(found["tried"]),
                f"{found['hit_rate']:.4f}",
            )
        )
    if not rows:
        return []
    head = tuple(name.removeprefix("num_").replace("_", " ") for name in _HEAD)
    (k,) = {cell["chosen"]["k"] for cell in cells if "chosen" in cell}
    return [(*head, f"hit rate@{k}"), *rows]


def _text(value: float | bool | None) -> str:
    return _WORDS[value] if value is None or isinstance(value, bool) else f"{value:g}"
