import pytest

from experiments.published_tables.models import MODELS
from tests.experiments.published_tables.toy import trained


def test_the_lower_temperature_is_the_one_that_hard_weights_amount_to():
    hard, control = "softmax MF, hard weights", "softmax MF, lower temperature"
    hardness = MODELS[hard].override["hardness"]
    assert MODELS[control].override == {"cooling": 1 + hardness}
    assert trained(control).model.objective.settings.temperature == pytest.approx(
        trained("softmax MF").model.objective.settings.temperature / (1 + hardness)
    )
