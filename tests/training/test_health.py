import dataclasses

import numpy as np
import pandas as pd
import pytest
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.gan.health import HealthWarning, is_healthy
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.ranking import ranking_tower
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.health import divergence, idleness, said_of, training_health
from tests.worlds import interactions_of


def data(ratings=None):
    pairs = [(user, (user + step) % 6) for user in range(6) for step in range(3)]
    return interactions_of(pairs, rating=ratings)


@pytest.mark.parametrize(
    ("losses", "scale", "said"),
    [
        ([0.7, 0.5, 0.4], 1.0, None),
        ([], 1.0, None),
        ([5.0, 0.1, 1.1], 1.0, "rose from 0.1 in epoch 2 to 1.1 in epoch 3"),
        ([0.001, 0.05], 1.0, None),  # larger, and still small
        ([0.7, float("nan")], 1.0, "became nan by epoch 2"),
        ([3e31, 3e31], 1.0, "reached 3e+31 in epoch 2"),
        ([2e4], 1.0, "reached 2e+04 in epoch 1, where 1e+04"),
        ([2e4], 25.0, None),  # squared errors of numbers around 5
    ],
)
def test_a_loss_without_bound_is_divergence(losses, scale, said):
    found = divergence(losses, scale=scale)
    assert found is None if said is None else said in found


@pytest.mark.parametrize(
    ("losses", "labels", "said"),
    [
        ([0.7, 0.6, 0.5], None, None),
        ([0.0], None, "the loss is 0 from the first epoch on"),
        ([0.7, 0.7], None, None),  # two epochs say little
        ([0.7, 0.7, 0.7], None, "the loss stayed at 0.7 in all of 3 epochs"),
        ([0.2, 0.1], [1.0, np.nan, 1.0], "every label is 1"),
        ([0.2, 0.1], [1.0, 2.0], None),
        ([0.2, 0.1], [np.nan], None),
    ],
)
def test_nothing_to_learn_is_said(losses, labels, said):
    found = idleness(losses, labels=None if labels is None else np.array(labels))
    assert found is None if said is None else said in found


def factorization(rate, **settings):
    model = MatrixFactorization(data(), dim=3, seed=1, **settings)
    model.compile(optimizer=keras.optimizers.SGD(rate), run_eagerly=True)
    return model


MADE = batches.of_pairs(data(), batch_size=18, seed=2)


def test_a_fit_that_learns_is_healthy_and_nothing_is_said():
    lines = []
    healthy = fit_ranked(factorization(0.5), MADE, epochs=3, label="mf", log=lines.append)
    assert healthy.verdict == "healthy" and len(lines) == 3  # a line an epoch


def test_trouble_is_a_warning_where_no_label_asks_for_lines():
    model = factorization(0.1)
    with pytest.warns(HealthWarning, match="diverged: .*the loss reached 1e.09"):
        said = said_of(model, {"loss": [1.0, 1e9]}, None)
    assert not is_healthy(said)


def test_a_model_that_gives_everybody_one_list_has_collapsed():
    model = factorization(0.1)
    users = next(w for w in model.trainable_variables if w.shape == (6, 3))
    assert training_health(model, {"loss": [1.0]}).healthy
    users.assign(np.ones(users.shape, np.float32))
    wrapped = AdversarialTraining(model, fgsm(0.1, relative=False))
    found = training_health(wrapped, {"loss": [1.0]})
    assert found.verdict == "collapsed" and "of 6 users" in found.reasons[0]


def test_weights_that_are_not_finite_are_divergence():
    model = factorization(0.1)
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan, np.float32))
    assert "holds NaN or infinite" in training_health(model, {"loss": [1.0]}).reasons[0]


def test_ratings_that_are_all_alike_are_nothing_to_learn_for_a_model_of_ratings_alone():
    alike = data(np.ones(18))
    ratings = ranking_tower(alike, objective="ratings", embedding_dim=2)
    assert training_health(ratings, {"loss": [0.1]}).verdict == "learned nothing"
    clicks = ranking_tower(alike, objective="clicks", embedding_dim=2)
    assert "label" not in str(training_health(clicks, {"loss": [0.1]}))


def test_a_missing_feature_is_no_divergence_and_a_broken_weight_is():
    users = pd.DataFrame({"age": [20.0, np.nan, 31.0, 40.0, 52.0, 60.0]})
    interactions = dataclasses.replace(data(), user_features=users)
    model = ranking_tower(interactions, objective="clicks", embedding_dim=2)
    assert is_healthy(str(training_health(model, {"loss": [0.1]})))
    model.trainable_weights[0].assign(model.trainable_weights[0] * np.nan)
    assert training_health(model, {"loss": [0.1]}).verdict == "diverged"
