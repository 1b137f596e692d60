"""The graph of a training step is made once, and weights that are made late are trained as well."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.gan.base import GAN
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.published import sasrec
from advrec_tf.models.traced_once import optimized_variables
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from tests.worlds import interactions_of

DATA = interactions_of([(u, i) for u in range(4) for i in range(u, u + 3)], 4, 6)
PAIRS = batches.of_pairs(DATA, batch_size=4, seed=0)
X, Y = np.arange(8, dtype=np.int32) % 3, np.arange(8, dtype=np.float32)
RADIUS = fgsm(0.1, relative=True)


def network(inputs, outputs):
    return keras.Sequential([keras.Input([inputs]), keras.layers.Dense(outputs)])


def gan():
    made = GAN(network(2, 3), network(3, 1))
    made.compile(d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.01))
    return made


class Late(keras.Model):
    """Makes its weights at its first call."""

    def __init__(self):
        super().__init__()
        self.rows = keras.layers.Embedding(3, 2, embeddings_initializer="ones")
        self.out = keras.layers.Dense(1, kernel_initializer="ones")

    def call(self, index):
        return self.out(self.rows(index))


def factorization():
    return MatrixFactorization(DATA, dim=2)


@pytest.mark.parametrize("attacked", [False, True])
def test_the_step_of_a_model_is_traced_once(attacked):
    trained = AdversarialTraining(factorization(), RADIUS) if attacked else factorization()
    trained.compile(keras.optimizers.Adam(0.01))
    trained.fit(PAIRS, epochs=2, verbose=0)
    assert trained.train_function.experimental_get_tracing_count() == 1


def test_the_step_of_a_gan_is_traced_once():
    trained = gan()
    trained.fit(tf.data.Dataset.from_tensors(tf.ones([4, 3])), epochs=2, verbose=0)
    assert trained.train_function.experimental_get_tracing_count() == 1


def test_layers_without_weights_need_not_be_built():
    model = sasrec(DATA, size=EncoderSize(length=2, dim=2, blocks=1, heads=1))
    model.compile(keras.optimizers.Adam(0.01))
    model.make_train_function()
    slots = [v.name for v in model.optimizer.variables if v.name.startswith("m/")]
    assert len(slots) == len(model.trainable_variables)
    assert not model.candidate_rows.built


def test_weights_that_are_made_at_the_first_call_are_trained_as_those_made_before():
    late, before = Late(), Late()
    index = keras.Input([], dtype="int32")
    weights = []
    for model in (late, keras.Model(index, before(index))):
        wrapper = AdversarialTraining(model, RADIUS)
        wrapper.compile(keras.optimizers.SGD(0.01, momentum=0.5), loss="mse")
        wrapper.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
        assert not np.allclose(one, np.round(one), atol=1e-3)  # zeros and ones before


def test_every_optimizer_is_listed_with_what_it_moves():
    model, two = factorization(), gan()
    model.compile(keras.optimizers.Adam(0.01))
    ((optimizer, variables),) = optimized_variables(model)
    assert optimizer is model.optimizer and len(variables) == len(model.trainable_variables)
    found = [(optimizer, len(variables)) for optimizer, variables in optimized_variables(two)]
    assert found == [(two.d_optimizer, 2), (two.g_optimizer, 2)]


def test_an_optimizer_of_old_is_left_to_build_itself():
    model = factorization()
    model.compile(keras.optimizers.legacy.SGD(0.1))
    before = model.get_weights()[0]
    model.fit(PAIRS, epochs=1, verbose=0)
    assert not np.allclose(model.get_weights()[0], before)
