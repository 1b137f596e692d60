"""What each registered defence does, in a sentence: a page says it of the defence by its name.

A record alone does not tell: "apr" and its control "noise" are records of one class. A chain, whose
name has a plus between its parts, is told part by part.
"""

from __future__ import annotations

from collections.abc import Mapping

_BY_FOREST = "a random forest, trained to tell simulated attacks from the users of the data"
_BY_OVERLAP = (
    "the overlaps of their profiles, which popularity does not explain (copies, near duplicates, "
    "profiles as near to everybody as chance makes them, raters of one item who are such)"
)
_ADVERSARIAL = "Adversarial training of the embeddings: beside the plain loss the model lowers"
_TENTH = "a tenth of each vector's norm"

ABOUT: Mapping[str, str] = {
    "none": "The model is trained as it is, on all that it is given.",
    "remove-suspicious": "Removes the interactions of users, at most a tenth of all, who are "
    f"suspicious by {_BY_FOREST}.",
    "remove-suspicious-by-overlap": "Removes the interactions of users, at most a tenth of all, "
    f"who are suspicious by {_BY_OVERLAP}: the limit is 3.",
    "down-weight": f"Weighs users the less the more suspicious they are by {_BY_FOREST}.",
    "down-weight-by-overlap": "Weighs users in full up to a suspicion of 1 and not at all from 3 "
    f"on, by {_BY_OVERLAP}.",
    "apr": f"{_ADVERSARIAL} that under the perturbation that raises it most to first order, one "
    f"step of {_TENTH} (APR).",
    "pgd": f"{_ADVERSARIAL} that under the worst perturbation that three projected steps find "
    f"within {_TENTH}.",
    "noise": "The control of apr, pgd and vulnerability-aware, without an adversary: beside the "
    f"plain loss the model lowers that under a perturbation of {_TENTH} in a random direction.",
    "vulnerability-aware": f"{_ADVERSARIAL} that under one step of the worst direction, which is "
    "longer for users whom it fits well, since they have most to lose (VAT).",
    "apt": "Adds users, a twentieth as many as there are, whose ratings lower the error on the "
    "data, against those that raise it (adversarial poisoning training).",
    "least-trimmed-squares": "Leaves out of each item's update the fifth of its ratings with the "
    "largest errors.",
    "least-trimmed-squares-at-0.49": "Leaves out of each item's update the 49 % of its ratings "
    "with the largest errors.",
    "rating-consistency-weights": "Down-weights ratings that an item has more often than the "
    "habits of its raters explain.",
    "rank-by-evidence": "Ranks by a lower confidence bound: the fewer independent raters an item "
    "has, the lower, as far as held-out interactions allow.",
    "subset-ensemble": "Ranks by the votes of EASE models that learn from ten random users each, "
    "of which few fake users reach few.",
    "independence-weights": "Weighs users by one over the number of users like them, so that "
    "copies of a profile count together as one.",
    "cap-contributions": "Weighs users with many interactions down, so that nobody counts for more "
    "than the median user.",
    "coherence-weights": "Weighs users and items by how well what they have, or who has them, "
    "hangs together: what does not, or too well, as a copy does, counts for little.",
}
"""Name of a defence, or of a part of a chain -> a sentence."""

_AT = "-at-"


def about(name: str) -> str:
    """The sentences on a defence of the registry.

    Args:
        name: in `registry.DEFENCES`.

    Raises:
        KeyError: if it, or a part of it, is not known.
    """
    return " ".join(_of_part(part) for part in name.split("+"))


def _of_part(name: str) -> str:
    if name in ABOUT:
        return ABOUT[name]
    plain, _, limit = name.partition(_AT)  # such as remove-suspicious-by-overlap-at-2.5
    text, known, _ = ABOUT[plain].rpartition(": the limit is ")
    if not known:
        raise KeyError(name)
    return f"{text}{known}{limit}."
