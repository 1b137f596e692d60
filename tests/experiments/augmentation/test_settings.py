import pytest

from experiments.augmentation.settings import AugmentationSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 0}, "`seeds` should be > 0. Received: 0"),
        ({"penalty": (0.3, -0.1)}, "`penalty` should be > 0"),
        ({"weight": ()}, "`weight` should hold a value"),
        ({"gan_weight": -1.0}, "`gan_weight` should be >= 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AugmentationSettings(**settings)
