"""How far fake profiles lie from real ones; the truth about fakes enters only to measure."""

from __future__ import annotations

import numpy as np

from advrec_tf.attacks.injection import Poisoned
from advrec_tf.defence.detectors.pca_var_select import PCAVarSelect
from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.evaluation.detection import average_precision


def stealth(poisoned: Poisoned) -> dict[str, float]:
    """Distances of fake profiles from real ones, the targets left out.

    Returns:
        `pca_auc` and `pca_ap`: of PCA-VarSelect, the classic detector, at a base rate of 1 %;
        `rating_distance`: total variation between the ratings of fake and of real users, in
        [0, 1], absent without ratings;
        `popularity_distance`: the same between their items, over ten classes of popularity.
        Both distances are absent where fake profiles hold nothing but targets.
    """
    data, fake = poisoned.interactions, poisoned.fake_interactions()
    suspicion = PCAVarSelect().fit(data).score(data)
    labels = poisoned.is_fake.astype(int)
    result = {
        "pca_auc": area_under_curve(labels, suspicion),
        "pca_ap": average_precision(labels, suspicion),
    }
    counted = ~np.isin(data.item_index, poisoned.targets)
    counts = np.bincount(data.item_index[~fake], minlength=data.num_items)
    decile = np.argsort(np.argsort(-counts, kind="stable")) * 10 // data.num_items
    columns = {"popularity_distance": decile[data.item_index]}
    if data.rating is not None:
        columns["rating_distance"] = np.unique(data.rating, return_inverse=True)[1]
    for name, column in columns.items():
        size = column.max() + 1
        of_fakes, of_real = (
            np.bincount(column[users & counted], minlength=size) for users in (fake, ~fake)
        )
        if of_fakes.sum():
            difference = of_fakes / of_fakes.sum() - of_real / of_real.sum()
            result[name] = float(np.abs(difference).sum() / 2)
    return result
