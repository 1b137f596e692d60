"""What each measure of an attacked cell says, in a sentence, for the page of an attack."""

from __future__ import annotations

from collections.abc import Iterable

_AT = "@"

MEANINGS = {
    "generation_seconds": "seconds that making the fake profiles took.",
    "pca_auc": "how well PCA-VarSelect, the classic detector, tells fake from real users without "
    "labels: the area under the ROC curve, 0.5 by chance, 1 where it finds all.",
    "pca_ap": "the same as its average precision among users of whom 1 % are fake, about 0.01 by "
    "chance.",
    "popularity_distance": "how far the items of fake profiles are from those of real users in ten "
    "classes of popularity: total variation, 0 for alike and 1 for disjoint.",
    "rating_distance": "the same of the ratings that they give.",
    "training_seconds": "seconds of the defence and of one training with it.",
    "target_rank": "the mean rank of the target for real users who have not rated it; 1 is best.",
    "target_hit_rate": "the share of real users who have not rated the target and find it among "
    "their first k items.",
    "target_ndcg": "the same, where a hit at rank r counts 1 / log2(r + 1).",
    "prediction_shift": "by how much the score of the target rose against the same model, with "
    "the same defence, without an attack, in the unit of the model's scores.",
    "score_shift": "the same in standard deviations of the user's scores, which can be compared "
    "between models.",
    "list_overlap": "the share of a user's first k items, the target left out, that the same "
    "model, with the same defence, lists without an attack, too: how far other items are "
    "disturbed.",
    "ndcg": "NDCG at k of honest users on held-out interactions: what the attack and the defence "
    "cost everybody else.",
    "capped_recall": "the same as recall: the share found among the first k, of k at most.",
    "defence_auc": "how well the defence's own suspicion tells fake from real users: the area "
    "under the ROC curve.",
    "target_raters": "users who have the target, the fake ones included.",
    "target_effective_raters": "how many independent raters they are worth: users who share other "
    "items count together as fewer.",
    "target_mean_score": "the target's mean score over the honest users by EASE, whatever model "
    "is attacked.",
    "target_share_of_ten": "the share of that score which the ten users hold who lift it most.",
    "target_lift_of_accounts": "the part of that score which is due to the fake users: what it is "
    "more than without them.",
}
"""Measure, without its cut-off -> what it says."""


def explained(names: Iterable[str]) -> list[tuple[str, str]]:
    """(the measure, what it says) for each that is known; of several cut-offs the first explains.

    Args:
        names: of measures, such as `target_hit_rate@10`.
    """
    found, said = [], set()
    for name in names:
        measure, _, cut = name.partition(_AT)
        if measure in MEANINGS and measure not in said:
            said.add(measure)
            shown = f"{measure}{_AT}k" if cut else measure
            found.append((shown, MEANINGS[measure]))
    return found
