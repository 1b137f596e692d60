"""The interface of every detector, and those that read a table of features.

A detector is fitted on interactions, with or without labels, and gives every user of any
interactions over the same items a score, high for suspicious and -inf for a user without a
row. Detectors that read profiles themselves are in modules of their own; all stand in
`registry`. Thresholds and measures are left to `evaluation.detection`.

Features need a reference (see `features`). Here it is the honest training rows, and training
users are measured *cross-fitted*, against the rows of other training users: so a user of the
training set looks as much a stranger to the reference as one judged later. With
`reference="own"` profiles are measured against the very file they come from, where nothing is
trusted: their own rows then count, in training as in judging.
"""

from __future__ import annotations

import warnings

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.features import FeatureTable, ProfileFeatures

FOLDS = 5
REFERENCES = ("trusted", "own")
DEGREE_SAD = ("mud", "rud", "qud")


def require_sklearn():
    """The package, or an error that names the cure.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        import sklearn.cluster
        import sklearn.ensemble
        import sklearn.tree
    except ImportError as error:
        raise ImportError(
            "This detector needs scikit-learn, the extra `analysis`: "
            "bash scripts/install.sh --extras analysis."
        ) from error
    return sklearn


class Detector:
    """Scores users; a subclass implements `fit` and `scores_of`.

    Attributes:
        transductive: it means something only for the profiles it was fitted on, and is fitted
            there without labels.
        needs_labels: `fit` asks for `is_fake`.
    """

    transductive = False
    needs_labels = False

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        """Learn from profiles; `is_fake` [num_users] bool where the truth is known.

        Raises:
            ValueError: if labels are needed and missing, or do not fit the users.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `fit`.")

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        """[num_users] float64, whatever for a user without a row."""
        raise NotImplementedError(f"{type(self).__name__} does not define `scores_of`.")

    def score(self, interactions: Interactions) -> np.ndarray:
        """[num_users] float64, high for suspicious; -inf for a user without a row."""
        scores = np.asarray(self.scores_of(interactions), np.float64)
        return np.where(interactions.user_counts() > 0, scores, -np.inf)


def checked_labels(
    interactions: Interactions, is_fake: np.ndarray | None, *, needed: bool
) -> np.ndarray:
    """[num_users] bool; all False where there are no labels and none are needed.

    Raises:
        ValueError: if they are missing, of another shape, or (where needed) of one kind only.
    """
    if is_fake is None:
        if needed:
            raise ValueError("`is_fake` should say who is fake: this detector learns from labels.")
        return np.zeros(interactions.num_users, bool)
    is_fake = np.asarray(is_fake)
    if is_fake.shape != (interactions.num_users,):
        raise ValueError(
            f"`is_fake` should be [{interactions.num_users}]. Received: {is_fake.shape}."
        )
    present = is_fake.astype(bool)[interactions.user_counts() > 0]
    if needed and not 0 < present.sum() < len(present):
        raise ValueError(
            "`is_fake` should mark both fakes and honest users with rows. Received "
            f"{present.sum()} fakes of {len(present)}."
        )
    return is_fake.astype(bool)


def flagged_users(scores: np.ndarray, *, threshold: float, most: float) -> np.ndarray:
    """[num_users] bool: scores at `threshold` or above, the highest `most` of the judged users
    (rounded down) at most. No label enters."""
    judged = scores > -np.inf
    flagged = judged & (scores >= threshold)
    allowed = int(np.floor(most * judged.sum()))
    if flagged.sum() > allowed:
        order = np.argsort(-np.where(judged, scores, -np.inf), kind="stable")
        flagged = np.zeros(len(scores), bool)
        flagged[order[:allowed]] = True
    return flagged


def crossfitted(
    interactions: Interactions,
    is_fake: np.ndarray,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    **settings,
) -> tuple[FeatureTable, ProfileFeatures]:
    """Features of training users against the others, and the reference for later users.

    Users are dealt into `folds`; those of one fold are measured against the honest rows of all
    others. The features returned with the table are fitted on all honest rows.

    Raises:
        ValueError: if there are fewer honest users with rows than folds.
    """
    users = np.flatnonzero(interactions.user_counts() > 0)
    honest = users[~is_fake[users]]
    if len(honest) < folds:
        raise ValueError(
            f"`interactions` should hold {folds} honest users with rows. Received {len(honest)}."
        )
    fold = np.full(interactions.num_users, -1)
    rng = np.random.default_rng(seed)
    for group in (honest, users[is_fake[users]]):
        fold[rng.permutation(group)] = np.arange(len(group)) % folds
    fold_of_row = fold[interactions.user_index]
    honest_row = ~is_fake[interactions.user_index]
    features = ProfileFeatures(seed=seed, **settings).fit(interactions.select(honest_row))
    values = np.full((interactions.num_users, len(features.names)), np.nan)
    for number in range(folds):
        others = interactions.select((fold_of_row != number) & honest_row)
        one = ProfileFeatures(seed=seed, **settings).fit(others)
        mine = one(interactions.select(fold_of_row == number))
        values[fold == number] = mine.values[fold == number]
    return FeatureTable(names=features.names, values=values), features


class FeatureDetector(Detector):
    """A detector over the table of features; a subclass implements `fit_table`, `score_table`.

    Args:
        columns: names of the features to read; all there are by default.
        reference: "trusted" or "own"; see the module's text.
        seed: of folds and of what the subclass draws.
        **settings: of `ProfileFeatures`.
    """

    def __init__(
        self,
        *,
        columns: tuple[str, ...] | None = None,
        reference: str = "trusted",
        seed: int = 0,
        **settings,
    ):
        if reference not in REFERENCES:
            raise ValueError(f"`reference` should be one of {REFERENCES}. Received: {reference!r}.")
        self.columns = columns
        self.reference = reference
        self.seed = seed
        self.settings = settings

    def fit_table(self, table: FeatureTable, is_fake: np.ndarray) -> None:
        """Learn from the rows of judged users: values [n, features], labels [n] bool."""
        raise NotImplementedError(f"{type(self).__name__} does not define `fit_table`.")

    def score_table(self, table: FeatureTable) -> np.ndarray:
        """values [n, features] -> [n] float64."""
        raise NotImplementedError(f"{type(self).__name__} does not define `score_table`.")

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        is_fake = checked_labels(interactions, is_fake, needed=self.needs_labels)
        if self.reference == "own":
            table = self.measure(interactions)
        else:
            table, self.features = crossfitted(
                interactions, is_fake, seed=self.seed, **self.settings
            )
        table = self.completed(table, interactions)
        judged = table.judged
        self.fit_table(
            FeatureTable(names=table.names, values=table.values[judged]), is_fake[judged]
        )
        return self

    def completed(self, table: FeatureTable, interactions: Interactions) -> FeatureTable:
        """The columns to read; a subclass may add its own."""
        return table if self.columns is None else table.only(self.columns)

    def measure(self, interactions: Interactions) -> FeatureTable:
        """The features this detector judges by."""
        if self.reference == "own":
            self.features = ProfileFeatures(seed=self.seed, **self.settings).fit(interactions)
        return self.features(interactions)

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        table = self.completed(self.measure(interactions), interactions)
        judged = table.judged
        scores = np.zeros(interactions.num_users)
        if judged.any():
            values = table.values[judged]
            scores[judged] = self.score_table(FeatureTable(names=table.names, values=values))
        return scores


class ForestDetector(FeatureDetector):
    """Supervised: a random forest on labeled profiles; Breiman 2001. The score is the share
    of fakes in the leaves, classes weighted equally. Needs the extra `analysis`.

    Attributes:
        honest_scores: [honest] float64 of the honest training users, each by the trees it was not
            drawn for: what the scores of honest strangers look like.
    """

    needs_labels = True

    def __init__(self, *, trees: int = 300, fewest_leaf: int = 2, **settings):
        super().__init__(**settings)
        self.trees = trees
        self.fewest_leaf = fewest_leaf

    def fit_table(self, table, is_fake):
        self.forest = require_sklearn().ensemble.RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=self.fewest_leaf,
            class_weight="balanced",
            oob_score=True,
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            # Fakes weigh so much that most trees have drawn them all; of those nothing is asked.
            warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
            self.forest.fit(table.values, is_fake)
        self.honest_scores = self.forest.oob_decision_function_[~is_fake, 1]

    def score_table(self, table):
        return self.forest.predict_proba(table.values)[:, 1]


class DegreeSAD(FeatureDetector):
    """The classic supervised detector of SDLib: a decision tree (entropy) on mean, range and
    lower quartile of the items' degrees; Li & Gao 2016. Needs the extra `analysis`."""

    needs_labels = True

    def __init__(self, **settings):
        super().__init__(columns=DEGREE_SAD, **settings)

    def fit_table(self, table, is_fake):
        self.tree = require_sklearn().tree.DecisionTreeClassifier(
            criterion="entropy", random_state=self.seed
        )
        self.tree.fit(table.values, is_fake)

    def score_table(self, table):
        return self.tree.predict_proba(table.values)[:, 1]
