"""Weights are of the users and items of the data that they were trained on, whatever the order."""

import dataclasses

import h5py
import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.gan.cfgan import build_cfgan
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.retrieval import two_tower
from advrec_tf.models.weights import ids_of
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from tests.worlds import interactions_of


def rows(users="abc", items=(7, 8, 9)):
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1)]
    return interactions_of(pairs, users=list(users), items=list(items))


def tower(data):
    return two_tower(data, embedding_dim=2)


@pytest.mark.parametrize("file", ["w.weights.h5", "checkpoint"])
def test_weights_of_the_same_ids_are_loaded_and_of_others_refused_by_the_first(tmp_path, file):
    model, path = tower(rows()), str(tmp_path / file)
    model.score(tf.constant([0]))
    model.save_weights(path)
    again = two_tower(rows(), embedding_dim=2, seed=5)
    again.load_weights(path)
    np.testing.assert_array_equal(again.user_vectors(), model.user_vectors())
    with pytest.raises(ValueError) as refused:
        tower(rows(users=("a", "c", "b"))).load_weights(path)
    assert file in str(refused.value)
    assert "row 1 is of 'b' there and of 'c' here" in str(refused.value)
    with pytest.raises(ValueError, match="model's items.*row 0 is of 7 there and of 17 here"):
        tower(rows(items=(17, 8, 9))).load_weights(path)
    with pytest.raises(ValueError, match="it has 3 items and the model 4"):
        tower(rows(items=(7, 8, 9, 10))).load_weights(path)


@pytest.mark.parametrize("file", ["w.weights.h5", "checkpoint"])
def test_weights_without_ids_are_loaded_with_a_warning(tmp_path, file):
    model, path = tower(rows()), str(tmp_path / file)
    model.save_weights(path)
    if file.endswith("h5"):
        with h5py.File(path, "a") as stored:
            del stored["advrec_tf_ids"]
    else:
        (tmp_path / "checkpoint.ids.npz").unlink()
    with pytest.warns(UserWarning, match="holds no ids"):
        tower(rows(users="xyz")).load_weights(path)


def test_a_wrapper_saves_the_ids_of_its_model_and_keras_own_callback_does(tmp_path):
    model = AdversarialTraining(tower(rows()), fgsm(0.1, relative=False))
    model.save_weights(str(tmp_path / "w.weights.h5"))
    with pytest.raises(ValueError, match="of 'a' there and of 'x' here"):
        tower(rows(users="xyz")).load_weights(str(tmp_path / "w.weights.h5"))


def test_a_model_of_profiles_is_loaded_for_other_users_but_not_for_other_items(tmp_path):
    path = str(tmp_path / "w")
    ProfileAutoencoder(rows(), dim=2).save_weights(path)
    ProfileAutoencoder(rows(users="xyz"), dim=2).load_weights(path)
    with pytest.raises(ValueError, match="model's items.*row 1 is of 8 there and of 9 here"):
        ProfileAutoencoder(rows(items=(7, 9, 8)), dim=2).load_weights(path)


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        (lambda: MatrixFactorization(rows(), dim=2), {"users_ids", "users_ids_ends", "items_ids"}),
        (lambda: build_cfgan(rows(), mode="item"), {"users_ids", "users_ids_ends"}),
        (lambda: build_cfgan(rows(), mode="user"), {"items_ids"}),
        (lambda: tf.keras.Sequential(), set()),
        (lambda: dataclasses.replace(rows()), set()),
    ],
)
def test_the_ids_are_those_that_the_weights_have_rows_of(model, kinds):
    assert set(ids_of(model())) == kinds
