import numpy as np
import pytest

from experiments.published_tables.models import MODELS, of_families, with_requirements
from tests.experiments.published_tables.toy import trained


def test_every_ablation_is_a_model_and_a_control_has_no_space_of_its_own():
    for label, spec in MODELS.items():
        if spec.ablation is not None:
            assert spec.ablation in MODELS and spec.ablation != label
        assert spec.settings_from is None or not spec.space


def test_requirements_come_before_what_builds_on_them():
    assert with_requirements(["APR, noise control"]) == ["MF-BPR", "APR", "APR, noise control"]
    assert of_families("popularity", "Mult-VAE") == (
        "popularity",
        "Mult-VAE",
        "Mult-VAE, adversarial",
    )


@pytest.mark.slow
@pytest.mark.parametrize("label", MODELS)
def test_every_model_trains(label):
    model = trained(label).model
    scores = np.asarray(model.score(np.arange(5, dtype=np.int32)))
    assert scores.shape == (5, 12) and np.isfinite(scores).all()
