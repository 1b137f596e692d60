import warnings

import numpy as np
import pytest

from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential.objectives import BinaryCrossEntropy, FullSoftmax
from advrec_tf.pipelines.recommend import next_item
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.stages import StageResult
from advrec_tf.training import recipes
from tests.worlds import interactions_of_histories


def settings_of(**given):
    return SingleSettings(**{"model": "sasrec", **given})


def test_the_names_of_the_settings_are_those_of_the_recipes():
    assert set(NEXT_ITEM) == set(recipes.NEXT_ITEM)


@pytest.mark.parametrize(
    ("given", "items", "objective"),
    [
        ({}, 20_000, FullSoftmax()),
        ({}, 20_001, SampledSoftmax(candidates=512)),
        ({"loss": "softmax"}, 50_000, FullSoftmax()),
        ({"loss": "sampled_softmax", "negatives": 64}, 100, SampledSoftmax(candidates=64)),
        ({"loss": "gbce"}, 100, BinaryCrossEntropy(negatives=256, calibrated=0.75)),
    ],
)
def test_the_loss_follows_the_settings_and_the_catalogue(given, items, objective):
    assert next_item.objective_of(settings_of(**given), items) == objective


def test_as_many_negatives_as_items_are_warned_of():
    given = settings_of(model="sasrec", loss="sampled_softmax", negatives=120)
    with pytest.warns(UserWarning, match="fewer than the 120 items of the data: 120 are drawn"):
        next_item.objective_of(given, 120)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next_item.objective_of(given, 121)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "autoencoder", "length": 20}, "`length` should be given for next-item models"),
        ({"model": "gru4rec", "use_times": True}, "`use_times` should be on for sasrec and hstu"),
        ({"model": "auto", "user_embedding": True}, "`user_embedding` should be given for next-it"),
        (
            {"negatives": 10},
            "`negatives` should be given beside the loss .* Received: 10 and no `loss`",
        ),
        ({"dropout": 1.0}, r"`dropout` should be in \[0, 1\)"),
    ],
)
def test_settings_of_other_models_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        settings_of(**given)


def test_settings_reach_the_network_and_its_training():
    given = settings_of(length=7, dim=6, blocks=1, epochs=3, batch_size=5, learning_rate=0.5)
    recipe = next_item.recipe_of(given, 10)
    model = recipe.build(interactions_of_histories([1, 2], [3, 4, 5]), seed=0)
    assert model.length == 7 and model.encoder.output.shape[-1] == 6
    assert (recipe.epochs, recipe.batch_size) == (3, 5)
    assert float(recipe.optimizer().learning_rate) == 0.5


def test_a_model_comes_back_from_the_weights_of_its_stage():
    data = interactions_of_histories([1, 2], [3, 4, 5])
    recipe = next_item.recipe_of(settings_of(dim=6, blocks=1), 10)
    model = recipe.build(data, seed=0)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    stored = StageResult({}, {"other": np.ones(1), **next_item.weights_of(model)})
    again = next_item.model_of(recipe, stored, data, seed=1)
    users = np.arange(2)
    np.testing.assert_allclose(again.score(users), model.score(users), atol=1e-6)
