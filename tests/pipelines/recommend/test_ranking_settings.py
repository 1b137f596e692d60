import dataclasses

import pytest

from advrec_tf.pipelines.recommend.ranking_settings import RankingSettings
from advrec_tf.pipelines.recommend.settings import RecommenderSettings


def test_by_default_the_tower_is_that_of_the_comparison():
    assert RankingSettings().in_comparison() == RecommenderSettings()


def test_what_is_given_reaches_the_stages_of_the_tower():
    given = {"seed": 3, "k_core": 2, "ease_l2": (5.0,), "ranking_epochs": 4, "ranking_l2": 0.5}
    found = RankingSettings(**given).in_comparison()
    assert {name: getattr(found, name) for name in given} == given


def test_no_setting_is_of_another_model():
    names = {field.name for field in dataclasses.fields(RankingSettings)}
    of_others = ("gan", "autoencoder", "next_item", "adversarial", "epsilon", "temperature")
    assert not [name for name in names if name.startswith(of_others)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ranking_epochs": 0}, "`ranking_epochs` should be >= 1. Received: 0"),
        ({"ranking_l2": -1.0}, "`ranking_l2` should be >= 0"),
        ({"split": "half"}, "`split` should be one of last_item"),
    ],
)
def test_settings_out_of_range_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        RankingSettings(**given)
