import numpy as np
import pandas as pd
import pytest

from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.retrieval import two_tower
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.published import sasrec
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.ops.stored import DamagedFileError
from advrec_tf.pipelines.recommend.shipping import Prior, load_shipped, save_shipped
from advrec_tf.pipelines.stages import StageResult
from tests.worlds import interactions_of, interactions_of_histories


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


def test_lists_by_columns_have_the_prior_that_was_chosen_where_it_is_wanted(caplog):
    ages = pd.DataFrame({"age": [20.0, 30.0, 40.0]})
    data = interactions_of([(0, 0), (1, 1), (2, 2)], user_features=ages)
    tower = two_tower(data, embedding_dim=2, use_features=True)
    arrays = {"user_vectors": tower.user_vectors(), "item_vectors": tower.item_vectors()}
    without = StageResult({}, arrays)
    with_columns = StageResult({}, {**arrays, **NewUsers.of(tower).to_arrays()})
    for stored, scale, wanted, expected, said in (
        (with_columns, 0.3, True, 0.3, None),
        (with_columns, 0.3, False, None, None),
        (with_columns, None, True, None, "no prior was chosen"),
        (without, 0.3, True, None, "there are no lists by columns"),
    ):
        prior = Prior(scale, 10)
        caplog.clear()
        with caplog.at_level("INFO", logger="advrec_tf"):
            found = prior.of_new_users(prior.on(stored, data), stored, wanted=wanted)
        assert found.new_user_scale == expected
        assert (found.new_users is None) is (stored is without)
        assert (said or "") in caplog.text and bool(caplog.text) is (said is not None)


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
