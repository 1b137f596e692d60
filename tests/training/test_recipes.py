import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.base import Recommender
from advrec_tf.models.graph.light_gcn import Contrast
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.perturbations import fgsm
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.optimizers import LazyAdam
from tests.worlds import block_world, interactions_of

TRAIN = block_world(24, 12, 5)

SMALL = {
    "mf_bpr": recipes.mf_bpr(dim=4, batch_size=32, epochs=2),
    "softmax_mf": recipes.softmax_mf(dim=4, batch_size=32, epochs=2),
    "apr": recipes.apr(recipes.mf_bpr(dim=4, batch_size=32, epochs=2), epochs=1),
    "light_gcn": recipes.light_gcn(dim=4, contrast=Contrast(candidates=8), batch_size=32, epochs=2),
    "autoencoder": recipes.autoencoder(dim=4, batch_size=8, epochs=2),
    "mult_vae": recipes.mult_vae(dim=4, hidden=(6,), batch_size=8, epochs=2),
    "two_tower": recipes.two_tower(embedding_dim=4, batch_size=32, epochs=2, jit_compile=False),
}
SOLVED = {
    "popularity": recipes.popularity(),
    "ease": recipes.ease(l2=2.0),
    "item_knn": recipes.item_knn(),
    "random_walk": recipes.random_walk(target=0.7),
    "wrmf": recipes.wrmf(dim=4),
}


@pytest.mark.parametrize("name", [*SMALL, *SOLVED])
def test_a_recipe_gives_a_model_that_ranks(name):
    fitted = (SMALL | SOLVED)[name].train(TRAIN, seed=3)
    scores = fitted.model.score(tf.range(24))
    assert isinstance(fitted.model, Recommender) and scores.shape == (24, 12)
    assert np.isfinite(scores).all() and (fitted.report is None) == (name in SOLVED)


def test_ratings_are_solved_with_weights():
    pairs = [(u, i, 1 + (u + i) % 5) for u in range(6) for i in range(4)]
    rated = interactions_of(pairs, 6, 4)
    weight = np.ones(len(rated), np.float32)
    plain, weighted = (
        recipes.biased_mf(dim=2).train(rated, seed=0, weight=w).model.score(tf.range(6))
        for w in (None, weight)
    )
    np.testing.assert_array_equal(plain, weighted)


def test_settings_reach_the_model_the_optimizer_and_the_batches():
    recipe = recipes.softmax_mf(dim=5, learning_rate=0.25, batch_size=6, epochs=7)
    model = recipe.build(TRAIN, seed=0)
    recipe.compile(model)
    assert model.user_vectors().shape == (24, 5) and model.objective.settings.cosine
    assert isinstance(model.optimizer, LazyAdam)
    assert float(model.optimizer.learning_rate) == 0.25
    block = next(iter(recipe.batches(model, TRAIN, seed=0).dataset(0)))
    assert block["item_index"].shape[1] == 6 and recipe.epochs == 7


@pytest.mark.slow
def test_apr_goes_on_from_its_first_recipe_against_an_adversary():
    still = recipes.apr(SMALL["mf_bpr"], learning_rate=0.0, epochs=1).train(TRAIN, seed=0)
    assert isinstance(still.trained, AdversarialTraining) and still.report.epochs == 1
    first = SMALL["mf_bpr"].train(TRAIN, seed=0).model
    np.testing.assert_array_equal(still.model.user_vectors(), first.user_vectors())


def test_autoencoders_are_perturbed_at_the_item_vectors_of_the_softmax():
    wrap = recipes.perturbed_items(fgsm(0.1, relative=False))
    fitted = SMALL["autoencoder"].train(TRAIN, seed=0, wrap=wrap)
    assert fitted.trained.model is fitted.model and fitted.report.epochs == 2


def test_a_next_item_model_takes_another_optimizer():
    size = EncoderSize(length=4, dim=4, blocks=1)
    for given, kind in (({}, LazyAdam), ({"optimizer": recipes.adam}, keras.optimizers.Adam)):
        recipe = recipes.next_item(size=size, learning_rate=0.25, **given)
        found = recipe.optimizer()
        assert type(found) is kind and float(found.learning_rate) == 0.25
