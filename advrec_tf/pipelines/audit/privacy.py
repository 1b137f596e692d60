"""The section `privacy`: membership inference, and what vectors say of user attributes.

Membership: given a user and an item, was the pair trained on? The attacker ranks pairs by their
score, in deviations of the user's scores; members are training pairs, the others held-out pairs of
the same users. Training pairs differ from held-out ones for other reasons as well (held-out items
are later and rarer), and any good model scores what fits the user's taste higher. So the pairs are
compared among those to which a model gives like scores that has seen neither: EASE, fitted to the
training part without these members (difficulty calibration, Watson et al. 2022, arXiv:2111.08440,
by strata instead of a difference). What EASE alone tells is the control. The true-positive rate at
one percent of false positives is given beside, after Carlini et al. 2022 (arXiv:2112.03570).

Attributes: a fresh logistic regression reads a column of users from their vectors, or from their
scores where there are none, cross-validated; beside it the same from the histories themselves.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE
from advrec_tf.pipelines.audit.groups import Grouping, attributes
from advrec_tf.pipelines.audit.subject import Case, NotPossible, seen_mask
from advrec_tf.training import recipes

FALSE_POSITIVES = 0.01
DIM = 32
"""Components to which scores and histories are reduced before a classifier reads them."""
FOLDS = 5
STRATA = 20
"""Groups of pairs with like scores of the control."""
_LEAST = 20


def measure(case: Case) -> dict:
    """Both attacks; each is a dictionary, or says why it is not possible."""
    parts = {}
    for name, attack in (("membership", membership), ("attributes", attribute_inference)):
        try:
            parts[name] = attack(case)
        except NotPossible as error:
            parts[name] = {"not_possible": str(error)}
    return parts


def membership(case: Case) -> dict:
    """Area under the curve of telling trained pairs from held-out ones.

    Raises:
        NotPossible: if the model was trained on the held-out pairs, or there are too few.
    """
    if case.subject.knows_test:
        raise NotPossible(
            "The model was trained on all interactions of the file, so there is no pair that it "
            "has not seen to compare with. `advrec train --no-refit` leaves the test part out."
        )
    rows, members, others = _pairs(case)
    if len(rows) < _LEAST:
        raise NotPossible(
            f"Fewer than {_LEAST} measured users have a training and a test interaction with a "
            "score."
        )
    pairs, labels = len(rows), np.repeat([1, 0], len(rows))
    control = reference(case.split.train, case.users[rows], members)
    items = np.concatenate([members, others])
    rows = np.tile(rows, 2)
    own = standardized(case.scores)[rows, items]
    found = {
        "pairs": pairs,
        "auc": area_under_curve(labels, own),
        "true_positives": true_positive_rate(labels, own),
    }
    if control is not None:
        said = standardized(np.asarray(control.score(case.users)))[rows, items]
        found["control_auc"] = area_under_curve(labels, said)
        found["calibrated_auc"] = within_strata(labels, own, said)
    return found | {"leak": found.get("calibrated_auc", found["auc"])}


def reference(train: Interactions, users: np.ndarray, items: np.ndarray) -> Recommender | None:
    """EASE of the training part without the given pairs; None where it does not fit in memory."""
    if not EASE.fits(train):
        return None
    gone = users.astype(np.int64) * train.num_items + items
    return recipes.ease().train(train.select(~np.isin(pair_keys(train), gone)), seed=0).model


def _pairs(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows of users, a random training item of each, a random test item of each)."""
    rng = np.random.default_rng(case.settings.seed)
    known, held = case.split.train.by_user(), case.split.test.by_user()
    found = []
    for row, user in enumerate(case.users):
        if len(known[user]) and len(held[user]):
            pair = rng.choice(known[user]), rng.choice(held[user])
            if np.isfinite(case.scores[row, list(pair)]).all():
                found.append((row, *pair))
    rows = np.array(found, np.int64).reshape(-1, 3)
    return rows[:, 0], rows[:, 1], rows[:, 2]


def standardized(scores: np.ndarray) -> np.ndarray:
    """Scores less the user's mean, in the user's deviations, over items with a score."""
    there = np.isfinite(scores)
    count = np.maximum(there.sum(1, keepdims=True), 1)
    filled = np.where(there, scores, 0.0).astype(np.float64)
    centered = np.where(there, filled - filled.sum(1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centered**2).sum(1, keepdims=True) / count)
    return centered / np.maximum(spread, 1e-12)


def within_strata(labels: np.ndarray, scores: np.ndarray, control: np.ndarray) -> float:
    """Area under the curve among pairs with like values of the control.

    Pairs are cut into `STRATA` of equal size by the control; a stratum counts by the number of its
    comparisons. 1/2 where there is none.
    """
    stratum = np.empty(len(labels), int)
    stratum[np.argsort(control, kind="stable")] = np.arange(len(labels)) * STRATA // len(labels)
    right, compared = 0.0, 0
    for place in range(STRATA):
        own = labels[stratum == place]
        number = int((own == 1).sum() * (own == 0).sum())
        if number:
            right += number * area_under_curve(own, scores[stratum == place])
            compared += number
    return right / compared if compared else 0.5


def true_positive_rate(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of members above the threshold that `FALSE_POSITIVES` of the others pass."""
    threshold = np.quantile(scores[labels == 0], 1.0 - FALSE_POSITIVES)
    return float((scores[labels == 1] > threshold).mean())


def attribute_inference(case: Case) -> dict:
    """Column -> area under the curve from vectors (or scores) and from histories.

    Raises:
        NotPossible: if there are no columns with two groups of users, or scikit-learn is missing.
    """
    groupings = [
        grouping.of(case.users)
        for grouping in attributes(case.split.train, case.settings.group_column)
    ]
    groupings = [grouping for grouping in groupings if len(grouping.names) >= 2]
    if not groupings:
        raise NotPossible(
            "The users have no columns to infer: --user-table gives them, or a MovieLens folder."
        )
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise NotPossible("It needs scikit-learn, the extra `analysis`.") from error
    vectors = case.subject.vectors
    if vectors is None:
        features, read = reduced(standardized(case.scores)), "scores"
    else:
        features, read = vectors.user_vectors[case.users], "vectors"
    histories = reduced(seen_mask(case.split.train, case.users).astype(np.float64))
    columns = {
        grouping.column: {
            "groups": list(grouping.names),
            "users": int((grouping.group >= 0).sum()),
            "auc": readable(features, grouping, case.settings.seed),
            "history_auc": readable(histories, grouping, case.settings.seed),
        }
        for grouping in groupings
    }
    worst = max(columns, key=lambda name: columns[name]["auc"])
    return {"read": read, "columns": columns, "worst": worst, "leak": columns[worst]["auc"]}


def reduced(matrix: np.ndarray) -> np.ndarray:
    """[n, at most DIM] the leading principal components."""
    centered = matrix - matrix.mean(0)
    values, vectors = np.linalg.eigh(centered @ centered.T)
    leading = slice(None, -DIM - 1, -1)
    return vectors[:, leading] * np.sqrt(np.maximum(values[leading], 0.0))


def readable(features: np.ndarray, grouping: Grouping, seed: int = 0) -> float:
    """Cross-validated area under the curve of a logistic regression; of several groups the mean
    over groups, each against the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kept = grouping.group >= 0
    group = grouping.group[kept]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    chances = cross_val_predict(model, features[kept], group, cv=folds, method="predict_proba")
    places = range(len(grouping.names)) if len(grouping.names) > 2 else [1]
    areas = [area_under_curve((group == at).astype(int), chances[:, at]) for at in places]
    return float(np.mean(areas))
