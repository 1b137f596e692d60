import pytest

from advrec_tf.pipelines.tabular.settings import TableSettings


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`holdout_fraction` should be in"):
        TableSettings(holdout_fraction=0.9)


def test_a_seed_of_the_noise_is_for_private_runs_alone():
    assert TableSettings(noise_multiplier=1.0, noise_seed=3).noise_seed == 3
    with pytest.raises(ValueError, match="`noise_seed` should be left out unless"):
        TableSettings(noise_seed=3)
    with pytest.raises(ValueError, match="`noise_seed` should be in 0..2147483647"):
        TableSettings(noise_multiplier=1.0, noise_seed=-1)
