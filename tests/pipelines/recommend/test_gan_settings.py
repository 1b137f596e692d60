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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "tables"}, "`model` should be one of profiles, sequences. Received: 'tables'"),
        ({"length": 5}, "`length` should be given for the model sequences alone"),
        ({"model": "sequences", "length": 1}, "`length` should be >= 2. Received: 1"),
        (
            {"model": "sequences", "generated_min_history": 5},
            "`generated_min_history` should be given for the model profiles alone",
        ),
    ],
)
def test_a_setting_that_the_gan_does_not_read_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        GanSettings(**given)


def test_what_is_not_given_has_its_default():
    assert GanSettings().filled_up_to == 20 and GanSettings().items_of_a_sequence == 10
    assert GanSettings(generated_min_history=7).in_comparison().generated_min_history == 7


def test_every_setting_is_one_of_the_comparison_but_batch_size_and_what_is_generated():
    names = {field.name for field in dataclasses.fields(GanSettings)}
    whole = {field.name for field in dataclasses.fields(RecommenderSettings)}
    assert names - whole == {"gan_batch_size", "model", "length"}
