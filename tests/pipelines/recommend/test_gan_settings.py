import dataclasses

import pytest

from advrec_tf.pipelines.recommend.gan_settings import GanSettings
from advrec_tf.pipelines.recommend.settings import RecommenderSettings


def test_by_default_the_gan_is_that_of_the_comparison():
    assert GanSettings().in_comparison() == RecommenderSettings()


def test_what_is_given_reaches_the_stage_of_the_gan():
    given = GanSettings(seed=3, k_core=2, gan_batch_size=7, gan_epochs=9, ease_l2=(5.0,))
    found = given.in_comparison()
    assert (found.autoencoder_batch_size, found.gan_epochs, found.ease_l2) == (7, 9, (5.0,))
    assert (found.seed, found.k_core) == (3, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gan_batch_size": 0}, "`gan_batch_size` should be >= 1. Received: 0"),
        ({"gan_loss": "nothing"}, "`gan_loss` should be one of minimax, "),
        ({"ease_l2": ()}, "`ease_l2` should be > 0"),
        ({"split": "half"}, "`split` should be one of last_item"),
    ],
)
def test_settings_out_of_range_are_refused_by_the_name_of_the_command(given, message):
    with pytest.raises(ValueError, match=message):
        GanSettings(**given)


def test_every_setting_is_one_of_the_comparison_but_the_batch_size():
    names = {field.name for field in dataclasses.fields(GanSettings)}
    whole = {field.name for field in dataclasses.fields(RecommenderSettings)}
    assert names - whole == {"gan_batch_size"}
