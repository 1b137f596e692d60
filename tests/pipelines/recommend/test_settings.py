import pytest

from advrec_tf.gan import losses
from advrec_tf.pipelines.recommend import settings


def test_names_told_early_are_the_names_there_are():
    assert set(settings.GAN_LOSSES) == set(losses.GAN_LOSSES)


def test_a_prior_of_lists_by_columns_needs_columns():
    assert settings.RecommenderSettings(new_user_prior=True, use_features=True).new_user_prior
    with pytest.raises(ValueError, match="`new_user_prior` should be off without `use_features`"):
        settings.RecommenderSettings(new_user_prior=True)
