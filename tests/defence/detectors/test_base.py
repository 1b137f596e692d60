import numpy as np
import pytest

from advrec_tf.defence.detectors.base import flagged_users
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.detectors.fraudar import Fraudar, FraudarExcess
from advrec_tf.defence.detectors.pca_var_select import PCAVarSelect


def test_at_most_the_allowed_fraction_is_flagged():
    scores = np.array([0.9, 0.8, 0.7, 0.2, -np.inf])
    assert flagged_users(scores, threshold=0.5, max_fraction=1.0).tolist() == [1, 1, 1, 0, 0]
    assert flagged_users(scores, threshold=0.5, max_fraction=0.5).tolist() == [1, 1, 0, 0, 0]
    assert not flagged_users(scores, threshold=0.95, max_fraction=1.0).any()


def test_labels_are_asked_for_and_checked(attacked):
    with pytest.raises(ValueError, match="`is_fake` should say"):
        ForestDetector().fit(attacked.interactions)
    with pytest.raises(ValueError, match="Received 0 fakes"):
        ForestDetector().fit(attacked.interactions, np.zeros(attacked.interactions.num_users, bool))
    with pytest.raises(ValueError, match=r"`is_fake` should be \[132\]"):
        ForestDetector().fit(attacked.interactions, np.zeros(3, bool))
    with pytest.raises(ValueError, match="`reference` should be one of"):
        ForestDetector(reference="nobody")


@pytest.mark.parametrize("build", [PCAVarSelect, Fraudar, FraudarExcess])
def test_a_transductive_detector_scores_nothing_else(build, world):
    detector = build().fit(world)
    with pytest.raises(ValueError, match="should be those that a transductive"):
        detector.score(world.select(np.arange(100)))
