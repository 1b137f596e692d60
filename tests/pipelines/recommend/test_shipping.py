import numpy as np
import pytest

from advrec_tf.pipelines.recommend import job
from advrec_tf.pipelines.recommend.shipping import Prior
from advrec_tf.pipelines.stages import StageStore


@pytest.fixture(scope="module")
def outcome(tiny_prepared, tiny_settings, tmp_path_factory):
    store = StageStore(tmp_path_factory.mktemp("run"), {})
    return job.run(tiny_prepared, tiny_settings, store, write=lambda line: None)


def test_the_shipped_model_is_the_best_on_validation(outcome):
    candidates = outcome.choices["validation_of_candidates"]
    assert candidates[outcome.choices["shipped_model"]] == max(candidates.values())


def test_no_prior_leaves_the_vectors_of_known_users_as_they_are(outcome):
    tower = outcome.results["whole"]["tower"][0]
    plain = Prior(None, 10).on(tower, outcome.split.train)
    known = outcome.split.train.user_counts() > 0
    np.testing.assert_array_equal(
        plain.user_vectors[known, :-1], tower.arrays["user_vectors"][known]
    )
    assert (plain.user_vectors[known, -1] == 0).all()
