import numpy as np
import pytest

from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.defence.ensembles import ForestAndOverlap
from advrec_tf.evaluation.classification import area_under_curve

pytest.importorskip("sklearn")


def test_forest_and_overlap_finds_copies_that_no_label_showed(attacked, strangers):
    # Labels are of average profiles; what is judged are cut copies of users.
    rng, targets = np.random.default_rng(4), np.array([66])
    honest = strangers.interactions.select(~strangers.is_fake[strangers.interactions.user_index])
    profiles = CopyAttack(num_profiles=6, num_fillers=15).profiles(honest, targets, rng=rng)
    judged = inject(honest, profiles, targets=targets, attack="copy", rng=rng)
    present = judged.interactions.user_counts() > 0
    both = ForestAndOverlap(seed=0).fit(attacked.interactions, attacked.is_fake)
    scores = both.score(judged.interactions)
    fake = judged.is_fake[present].astype(int)
    forest = both.detectors[0].score(judged.interactions)[present]
    assert area_under_curve(fake, scores[present]) > 0.85
    assert area_under_curve(fake, scores[present]) > area_under_curve(fake, forest)
    with pytest.raises(ValueError, match="learns from labels"):
        ForestAndOverlap().fit(attacked.interactions)


def test_scores_are_joined_in_units_of_honest_scores_the_forest_s_of_one_half_at_least(attacked):
    both = ForestAndOverlap(seed=0).fit(attacked.interactions, attacked.is_fake)
    forest, overlap = both.detectors
    rows = attacked.interactions
    parts = []
    for detector, least in ((forest, 0.5), (overlap, 0.0)):
        middle, last = np.quantile(detector.honest_scores, (0.5, 0.99))
        unit = max(last, least) - middle
        parts.append(np.maximum((detector.scores_of(rows) - middle) / unit, 0.0))
    np.testing.assert_allclose(both.scores_of(rows), np.hypot(*parts))
    # The overlap leaves out whom it doubted itself in its first round.
    assert 100 < len(overlap.honest_scores) <= len(forest.honest_scores) == 120
