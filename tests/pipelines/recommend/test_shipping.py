import numpy as np

from advrec_tf.pipelines.recommend.shipping import Prior


def test_the_shipped_model_is_the_best_on_validation(tiny_outcome):
    candidates = tiny_outcome.choices["validation_of_candidates"]
    assert candidates[tiny_outcome.choices["shipped_model"]] == max(candidates.values())


def test_no_prior_leaves_the_vectors_of_known_users_as_they_are(tiny_outcome):
    tower = tiny_outcome.results["whole"]["tower"][0]
    plain = Prior(None, 10).on(tower, tiny_outcome.split.train)
    known = tiny_outcome.split.train.user_counts() > 0
    np.testing.assert_array_equal(
        plain.user_vectors[known, :-1], tower.arrays["user_vectors"][known]
    )
    assert (plain.user_vectors[known, -1] == 0).all()
