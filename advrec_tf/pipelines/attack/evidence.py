"""What a target's score rests on before and after an attack: raters, ten users, the accounts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.evidence.effective_raters import item_evidence
from advrec_tf.defence.evidence.influence import MEMORY_LIMIT, UserInfluence

GROUP = 10


def of_target(
    clean: Interactions, poisoned: Interactions, target: int, accounts: np.ndarray
) -> dict[str, float]:
    """What the target's score rests on, each but the accounts' lift also with ", clean".

    Args:
        clean, poisoned: the training interactions without and with the attack.
        target: item index.
        accounts: [k] int, the users of `poisoned` that the attack registered.

    Returns:
        `target_raters`; `target_effective_raters`, what they are worth; `target_mean_score` by
        EASE over the users of `clean`; `target_share_of_ten`, how much of it the ten users hold who
        lift it most; and `target_lift_of_accounts`, by how much it is higher than for a model that
        did not learn from the accounts. The last three are left out where the matrices of
        `UserInfluence` are too large, and the share where the score is not positive.
    """
    found: dict[str, float] = {}
    for suffix, data in ((", clean", clean), ("", poisoned)):
        evidence = item_evidence(data)
        found[f"target_raters{suffix}"] = float(evidence.raters[target])
        found[f"target_effective_raters{suffix}"] = float(evidence.effective[target])
        if not UserInfluence.fits(data):
            continue
        # Over the same users before and after, so that the means differ by the accounts' lift.
        honest = np.setdiff1d(np.arange(data.num_users), accounts if data is poisoned else [])
        influence = UserInfluence(data, audience=honest)
        score = float(influence.mean_score[target])
        found[f"target_mean_score{suffix}"] = score
        if score > 0:
            lift = influence.lift_of(influence.strongest(target, GROUP), target)
            found[f"target_share_of_ten{suffix}"] = min(1.0, lift / score)
        if data is poisoned:
            found["target_lift_of_accounts"] = influence.lift_of(accounts, target)
    return found


def sentences(item_id: int | str, found: Mapping[str, float]) -> str:
    """What `of_target` found, or a mean of it over seeds, in words that stand alone."""
    raters = found["target_raters, clean"]
    text = (
        f"Item {item_id}: {raters:.0f} honest {'user has' if raters == 1 else 'users have'} it, "
        f"worth {found['target_effective_raters, clean']:.1f} independent raters, since users who "
        "share other items count together as fewer. "
    )
    if "target_share_of_ten, clean" in found:
        text += (
            f"Without an attack the {GROUP} users who lift it most hold "
            f"{found['target_share_of_ten, clean']:.0%} of its mean score by EASE. "
        )
    text += (
        "With the accounts of the attack there are "
        f"{found['target_raters']:.0f} raters, worth {found['target_effective_raters']:.1f}"
    )
    if "target_lift_of_accounts" not in found:
        return (
            f"{text}. How far they move its score was left out: the exact influence of so many "
            f"users and items takes more than {MEMORY_LIMIT / 2**30:g} GiB of memory."
        )
    before, after = (found[f"target_mean_score{suffix}"] for suffix in (", clean", ""))
    return (
        f"{text}, and its mean score by EASE over the honest users is {after:.4f} and not "
        f"{before:.4f}: {found['target_lift_of_accounts']:+.4f} is due to the accounts."
    )
