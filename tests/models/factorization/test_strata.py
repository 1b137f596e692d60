import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data.strata import in_strata
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.objectives import SampledSoftmax
from tests.worlds import interactions_of

DATA = interactions_of([(u, (3 * u + s) % 9) for u in range(8) for s in (0, 1, 4, 5)], 8, 9)


def factorization(optimizer, attacked=False, **settings):
    model = MatrixFactorization(DATA, dim=3, seed=1, initial_scale=0.5, **settings)
    trained = model
    if attacked:
        trained = ar.AdversarialTraining(model, ar.fgsm(0.2, relative=False), fraction=1.0)
    trained.compile(optimizer=optimizer)
    return model, trained


def in_one_block(epoch):
    """The steps of an epoch one after another, with the rows of the whole tables."""
    count = len(epoch["user_rows"])
    block = {"weight": epoch["weight"], "seed": epoch["seed"]}
    columns = {"user_index": [], "item_index": [], "negative": []}
    for number, (start, stop) in enumerate(zip(epoch["bounds"], epoch["bounds"][1:])):
        users = epoch["user_rows"][number % count]
        items = epoch["item_rows"][(number + number // count) % count]
        columns["user_index"] += list(users[epoch["user_index"][start:stop]])
        for name in ("item_index", "negative"):
            columns[name] += list(items[epoch[name][start:stop]])
    block |= {name: np.array(column) for name, column in columns.items()}
    return {name: tf.constant(column) for name, column in block.items()}


@pytest.mark.parametrize(
    "optimizer, attacked",
    [
        pytest.param(lambda: keras.optimizers.Adagrad(0.2), False, id="adagrad"),
        pytest.param(
            lambda: keras.optimizers.SGD(0.5), True, id="sgd, attacked", marks=pytest.mark.slow
        ),
    ],
)
def test_strata_at_once_are_their_steps_one_after_another(optimizer, attacked):
    model, trained = factorization(optimizer(), attacked)
    data = in_strata(DATA, batch_size=3, seed=2, strata=2)
    loss = trained.fit(data, epochs=1, verbose=0).history["loss"][0]
    one_by_one, other = factorization(optimizer(), attacked)
    (epoch,) = data.dataset(0).take(1).as_numpy_iterator()
    expected = other.train_step(in_one_block(epoch))["loss"]
    assert trained.optimizer.iterations.numpy() == epoch["bounds"][-1] > 8
    assert loss == pytest.approx(float(expected), rel=1e-4)
    np.testing.assert_allclose(model.user_vectors(), one_by_one.user_vectors(), atol=1e-5)
    np.testing.assert_allclose(model.item_vectors(), one_by_one.item_vectors(), atol=1e-5)
    start, _ = factorization(optimizer())
    assert np.abs(model.item_vectors() - start.item_vectors()).max() > 0.1


def test_a_seed_gives_the_same_bits_and_training_learns():
    model, _ = factorization(keras.optimizers.SGD(0.5))
    start = model.get_weights()
    data = in_strata(DATA, batch_size=3, seed=2, strata=2)
    history = model.fit(data, epochs=30, verbose=0).history["loss"]
    once = model.get_weights()
    model.set_weights(start)
    model.fit(data, epochs=30, verbose=0)
    for first, second in zip(once, model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert history[-1] < 0.6 * history[0]


def test_what_a_stratum_cannot_train_is_refused():
    model, _ = factorization(keras.optimizers.SGD(0.5), objective=SampledSoftmax(candidates=4))
    with pytest.raises(ValueError, match="Strata should be trained by a MatrixFactorization"):
        model.fit(in_strata(DATA, batch_size=3, seed=2, strata=2), epochs=1, verbose=0)
