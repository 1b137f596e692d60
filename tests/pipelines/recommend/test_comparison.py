from types import SimpleNamespace

import pytest

from advrec_tf.pipelines.recommend.comparison import ModelComparison


@pytest.mark.parametrize(
    ("setting", "seeds", "told"),
    [
        ("whole", [0], "tower+noise"),
        ("cold", [0], "tower+noise, cold users"),
        ("whole", [0, 1], "tower+noise, seed 1"),
    ],
)
def test_a_stage_is_told_with_its_seed_where_there_are_several(setting, seeds, told):
    comparison = SimpleNamespace(seeds=seeds)
    of_users = SimpleNamespace(name=setting)
    assert ModelComparison._told(comparison, of_users, "tower+noise", 1) == told
