"""What a target's score rests on before and after an attack: independent raters, and ten users."""

from __future__ import annotations

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.evidence.effective_raters import item_evidence
from advrec_tf.defence.evidence.influence import UserInfluence

GROUP = 10


def of_target(clean: Interactions, poisoned: Interactions, target: int) -> dict[str, float]:
    """`target_effective_raters`, and `target_share_of_ten`: how much of the item's mean score by
    EASE the ten users hold who lift it most; each also with ", clean".

    The share is left out where the matrices of `UserInfluence` are too large, or the score is not
    positive.
    """
    found: dict[str, float] = {}
    for suffix, data in ((", clean", clean), ("", poisoned)):
        effective = item_evidence(data).effective[target]
        found[f"target_effective_raters{suffix}"] = float(effective)
        if not UserInfluence.fits(data):
            continue
        influence = UserInfluence(data)
        if influence.mean_score[target] > 0:
            lift = influence.lift_of(influence.strongest(target, GROUP), target)
            share = min(1.0, lift / float(influence.mean_score[target]))
            found[f"target_share_of_ten{suffix}"] = share
    return found
