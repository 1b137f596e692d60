import pytest

from advrec_tf.pipelines.tabular.settings import TableSettings


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`holdout_fraction` should be in"):
        TableSettings(holdout_fraction=0.9)
