"""What attackers try who know the defence: the candidates of one, the start of the other's search.

Measuring what they inject is left to `runner`.
"""

from __future__ import annotations

import dataclasses

from advrec_tf.attacks.campaign import CampaignAttack, turned
from advrec_tf.attacks.heuristic import Attack, AverageAttack, ShillingAttack
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.defence.adaptive import BestResponse, Surrogate
from advrec_tf.defence.defences import Defence

ADAPTIVE_CANDIDATES = ("average", "segment", "average-over-popular", "aush", "copy-of-four")
"""What the adaptive attacker chooses from: among them attacks that `SimulatedAttackForest` does
not simulate, and one that copies no single user."""

STARTS = (
    {},
    {"num_sources": 4},
    {"num_sources": 2, "community": 100},
    {"num_sources": 2, "community": 50, "around_target": True},
    {"accounts": 0.4, "num_sources": 2, "community": 100},
    {"length": 0.3, "num_sources": 2, "community": 100},
)
"""Settings of `CampaignAttack` that the search starts from the best of."""
TRIES = 18


def within_pool(attack: Attack, num_items: int) -> Attack:
    """The attack with no more fillers than its pool of so many items holds beside a target, so that
    a small catalogue does not end the search."""
    if isinstance(attack, WrappedAttack):
        return dataclasses.replace(attack, attack=within_pool(attack.attack, num_items))
    if not isinstance(attack, ShillingAttack):
        return attack
    most = attack.pool_size(num_items) - 1
    return dataclasses.replace(attack, num_fillers=min(attack.num_fillers, most))


def best_response(
    *, num_profiles: int, num_fillers: int, num_items: int, defence: Defence, surrogate: Surrogate
) -> BestResponse:
    """The attacker that tries settings of a campaign on a copy of defence and victim.

    It starts from the best of `STARTS` and of average profiles of popular items, and tries `TRIES`
    campaigns more.

    Args:
        num_profiles, num_fillers: the budget, which it may spend in part.
        num_items: of the data.
        defence, surrogate: as of `BestResponse`.
    """
    budget = {"num_profiles": num_profiles, "num_fillers": num_fillers}
    campaigns = (CampaignAttack(**budget, **start) for start in STARTS)
    average = within_pool(AverageAttack(**budget, pool=0.2), num_items)
    return BestResponse(
        candidates=(*campaigns, average),
        defence=defence,
        surrogate=surrogate,
        num_evading=0,
        turns=lambda attack: turned(attack) if isinstance(attack, CampaignAttack) else [],
        num_tries=TRIES,
    )
