import pytest

from experiments.published_tables.models import MODELS
from experiments.published_tables.tables import TABLES


@pytest.mark.parametrize("name", list(TABLES))
def test_limits_name_models_of_the_table_and_settings_of_their_spaces(name):
    limits = TABLES[name].limits
    for label, sizes in limits.sizes.items():
        spec = MODELS[label]
        extra = {"zeroed", "critic_batch", "generator_batch"} if "CFGAN" in label else set()
        assert set(sizes) <= set(spec.space) | extra, label
    assert {*limits.epochs, *limits.seeds, *limits.untuned} <= set(MODELS)
