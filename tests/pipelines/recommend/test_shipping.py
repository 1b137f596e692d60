import numpy as np
import pytest

from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.published import sasrec
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.ops.stored import DamagedFileError
from advrec_tf.pipelines.recommend.shipping import Prior, load_shipped, save_shipped
from tests.worlds import interactions_of_histories


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


def test_what_is_shipped_comes_back_whatever_it_is(tmp_path):
    data = interactions_of_histories([1, 2], [3, 4, 5])
    sequences = sasrec(data, size=EncoderSize(length=4, dim=4, blocks=1))
    vectors = with_popularity_prior(
        np.ones((2, 3)), np.ones((10, 3)), data, scale=1.0, prior_max_history=0
    )
    for name, model in (("whole", sequences), ("vectors", vectors)):
        save_shipped(model, tmp_path / name)
        again = load_shipped(tmp_path / name)
        np.testing.assert_allclose(again.score([0, 1]), model.score([0, 1]), atol=1e-6)
    with pytest.raises(ValueError, match="should hold shipped.npz or shipped.keras"):
        load_shipped(tmp_path)
    (tmp_path / "whole" / "shipped.keras").write_bytes(b"nothing")
    with pytest.raises(DamagedFileError, match="shipped.keras"):
        load_shipped(tmp_path / "whole")
