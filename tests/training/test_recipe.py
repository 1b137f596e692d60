import dataclasses

import numpy as np
import pytest

from advrec_tf._keras import keras
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.perturbations import fgsm
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.recipe import take_over
from tests.worlds import block_world

TRAIN = block_world(24, 12, 5)
FACTORIZATION = recipes.mf_bpr(dim=4, batch_size=32, epochs=2)
AUTOENCODER = recipes.autoencoder(dim=4, batch_size=8, epochs=2)


def test_a_training_repeats_for_its_seed():
    one, same, other = (
        AUTOENCODER.train(TRAIN, seed=seed).model.item_vectors() for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_what_is_trained_is_inside_the_wrapper_and_the_model_is_returned():
    wraps = []

    def wrap(model):
        wraps.append(model)
        return AdversarialTraining(model, fgsm(0.1, relative=False), fraction=1.0)

    fitted = FACTORIZATION.train(TRAIN, seed=0, wrap=wrap)
    assert wraps == [fitted.model] and fitted.trained.model is fitted.model
    assert "adversarial_loss" in fitted.report.history and fitted.report.epochs == 2


def test_a_second_adversary_is_refused():
    recipe = dataclasses.replace(recipes.apr(FACTORIZATION, epochs=1), first=None)
    with pytest.raises(ValueError, match="`wrap` should not add an adversary"):
        recipe.train(
            TRAIN, seed=0, wrap=lambda model: AdversarialTraining(model, fgsm(1.0, relative=False))
        )


def test_early_stopping_is_that_of_the_fit():
    held_out = np.arange(len(TRAIN)) % 5 == 0
    train = TRAIN.select(~held_out)
    evaluator = RankingEvaluator(train, TRAIN.select(held_out))
    fitted = FACTORIZATION.train(train, seed=0, evaluator=evaluator, epochs=3, patience=1)
    assert 1 <= fitted.report.best_epoch <= 3 and fitted.report.best is not None


def test_a_warm_start_keeps_the_rows_of_earlier_users():
    def model(users):
        table = keras.layers.Embedding(users, 2)
        table.build(None)
        inner = keras.Sequential([keras.Input((), dtype="int32"), table])
        return inner

    old, new = model(2), model(3)
    last = new.get_weights()[0][2]
    take_over(new, old)
    assert np.array_equal(new.get_weights()[0], np.vstack([old.get_weights()[0], last]))
    with pytest.raises(ValueError, match="`start` should be a model like"):
        take_over(old, new)
