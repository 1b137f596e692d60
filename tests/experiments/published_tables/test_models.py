import dataclasses

import numpy as np
import pytest

from advrec_tf.gan.cfgan import Minibatches
from experiments.published_tables import gans
from experiments.published_tables.choices import Choice
from experiments.published_tables.models import MODELS, of_families, with_requirements
from tests.experiments.published_tables.toy import make_task


def tiny_choices():
    """Every model's default point, shrunk to the tiny world."""
    small = {"batch_size": 16, "dim": 4, "hidden": 4, "candidates": 4, "first": 1, "count": 4}
    found = {}
    for label, spec in MODELS.items():
        leader = MODELS[spec.settings_from or label]
        settings = {**leader.points(1)[0], **spec.override}
        settings |= {name: value for name, value in small.items() if name in settings}
        found[label] = Choice({**settings, **({"warm_up": 1} if "warm_up" in settings else {})}, 2)
    return found


def trained(label, **changes):
    chosen = tiny_choices()
    spec = dataclasses.replace(MODELS[label], epochs=2)
    return spec.train(make_task(spec, {**chosen[label].settings, **changes}, chosen=chosen))


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


def test_irgan_starts_from_the_scorer_that_dns_trained():
    start = trained(gans.PRETRAINING).model
    # The ablation at rate zero goes nowhere from there.
    gan = trained("IRGAN, ablation", g_learning_rate=0.0, decay=0.0).model
    np.testing.assert_allclose(gan.user_vectors(), start.user_vectors(), rtol=1e-6)


def test_the_lower_temperature_is_the_one_that_hard_weights_amount_to():
    hard, control = "softmax MF, hard weights", "softmax MF, lower temperature"
    hardness = MODELS[hard].override["hardness"]
    assert MODELS[control].override == {"cooling": 1 + hardness}
    assert trained(control).model.temperature == pytest.approx(
        trained("softmax MF").model.temperature / (1 + hardness)
    )


def test_sizes_for_long_profiles_reach_cfgan():
    plain = trained("CFGAN").model
    assert (plain.scheme.zeroed, plain.minibatches) == (1.0, Minibatches(critic=64, generator=32))
    sized = trained("CFGAN", zeroed=0.3, critic_batch=8, generator_batch=4).model
    assert (sized.scheme.zeroed, sized.minibatches) == (0.3, Minibatches(critic=8, generator=4))


@pytest.mark.slow
@pytest.mark.parametrize("label", MODELS)
def test_every_model_trains(label):
    model = trained(label).model
    scores = np.asarray(model.score(np.arange(5, dtype=np.int32)))
    assert scores.shape == (5, 12) and np.isfinite(scores).all()
