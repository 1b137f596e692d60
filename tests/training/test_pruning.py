import itertools
import logging

import numpy as np
import pytest
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data import batches
from advrec_tf.training.pruning import MagnitudePruning
from tests.worlds import interactions_of

DATA = interactions_of([(0, 0), (0, 1), (1, 2), (2, 3), (1, 3), (2, 0)], 3, 4)
KERNEL = np.array([[1.0, -4.0], [3.0, -2.0]], "f4")


def dense(kernel):
    layer = keras.layers.Dense(kernel.shape[1], use_bias=True)
    layer.build((None, kernel.shape[0]))
    layer.set_weights([kernel, np.ones(kernel.shape[1], "f4")])
    return layer


def network(kernel=KERNEL):
    layer = dense(kernel)
    model = keras.Sequential([keras.Input([kernel.shape[0]]), layer])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss="mse")
    return model, layer


def fit(model, *callbacks, steps):
    x = np.random.default_rng(0).normal(size=(2 * steps, model.input_shape[1])).astype("f4")
    y = np.ones([2 * steps, model.output_shape[1]], "f4")
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=list(callbacks))


def test_the_share_of_zeros_follows_the_cube_of_what_is_left():
    pruning = MagnitudePruning(0.8, begin=2, end=6)
    # .8 (1 - (1 - t / 4)^3) at t = 0, 1, 2, 3, 4: 1 - 1, 1 - 27/64, 1 - 1/8, 1 - 1/64, 1
    shares = [pruning.share(step) for step in range(9)]
    assert shares[:3] == [0, 0, 0]
    assert shares[3:7] == pytest.approx([0.8 * 37 / 64, 0.8 * 7 / 8, 0.8 * 63 / 64, 0.8])
    assert shares[6:] == [0.8] * 3


def test_the_smallest_weights_are_zero_before_the_first_step_and_after_the_last():
    model, layer = network()
    pruning = MagnitudePruning(0.5, end=0)
    pruning.set_model(model)
    pruning.on_train_begin()
    # of 1, 4, 3, 2 the two smallest are 1 and 2; biases stay
    np.testing.assert_array_equal(layer.kernel, [[0, -4], [3, 0]])
    np.testing.assert_array_equal(layer.bias, [1, 1])
    layer.kernel.assign(KERNEL)
    fit(model, pruning, steps=5)
    trained = layer.kernel.numpy()
    assert trained[0, 0] == trained[1, 1] == 0 and pruning.reached() == 0.5
    assert (trained[[0, 1], [1, 0]] != [-4, 3]).all()


def test_weights_that_are_zero_stay_so_while_more_follow():
    kernel = np.random.default_rng(1).normal(size=(8, 5)).astype("f4")
    model, layer = network(kernel)
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(layer.kernel.numpy() == 0)
    )
    pruning = MagnitudePruning(0.9, begin=2, end=10, every=4)
    fit(model, pruning, watch, steps=14)
    # Chosen at steps 0, 4, 8 and 10 (`end`): 40 * .9 (1 - (3/4)^3) = 20.8 and (1 - (1/4)^3) = 35.4
    assert [int(zeros.sum()) for zeros in seen] == [0] * 3 + [21] * 4 + [35] * 2 + [36] * 5
    assert all((after >= before).all() for before, after in itertools.pairwise(seen))
    # the next training keeps them, though its own schedule begins later
    fit(model, MagnitudePruning(0.9, begin=100, end=200), steps=3)
    np.testing.assert_array_equal(layer.kernel.numpy() == 0, seen[-1])


def test_a_ranking_tower_has_the_zeros_when_its_wrapper_is_saved(tmp_path):
    model = ar.models.ranking_tower(DATA, embedding_dim=4, hidden=(10,))
    learner = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True))
    learner.compile(keras.optimizers.Adam(0.01))
    pruning = MagnitudePruning(0.75, end=3, every=1)
    made = batches.of_pairs(DATA, batch_size=2, seed=0)
    learner.fit(made.dataset(0), steps_per_epoch=5, verbose=0, callbacks=[pruning])
    # cross 8 x 8, hidden 8 x 10, output 10 x 1: 48, 60 and 8 (7.5 to the even) zeros of 154
    sizes = {tuple(kernel.shape): int((kernel.numpy() == 0).sum()) for kernel in pruning.kernels()}
    assert sizes == {(8, 8): 48, (8, 10): 60, (10, 1): 8}
    assert pruning.reached() == 116 / 154
    learner.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    heads = zip(loaded.head.get_weights(), model.head.get_weights(), strict=True)
    assert all((one == other).all() for one, other in heads)


def test_a_training_that_ends_too_early_is_said(caplog):
    model, _ = network()
    with caplog.at_level(logging.WARNING):
        fit(model, MagnitudePruning(0.5, end=100), steps=2)
    assert "ended at step 2, before `end` = 100" in caplog.text
    assert "zeros is 0.000, and not 0.500" in caplog.text


def test_settings_out_of_range_are_refused():
    for wrong in (1.0, "a", None, float("nan")):
        with pytest.raises(
            ValueError, match=r"`sparsity` should be a number in \[0, 1\). Received"
        ):
            MagnitudePruning(wrong, end=3)
    with pytest.raises(ValueError, match="0 <= begin <= end. Received: 4 and 3"):
        MagnitudePruning(0.5, begin=4, end=3)
    with pytest.raises(ValueError, match="should be whole numbers of steps.* 0 and 'b'"):
        MagnitudePruning(0.5, end="b")
    for wrong in (0, "c", 1.5):
        with pytest.raises(ValueError, match="`every` should be a whole number >= 1"):
            MagnitudePruning(0.5, end=3, every=wrong)
    model = keras.Sequential([keras.Input([2]), keras.layers.ReLU()])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="`layers` should hold a dense layer .* Sequential"):
        fit_nothing = MagnitudePruning(0.5, end=0)
        fit_nothing.set_model(model)
        fit_nothing.on_train_begin()


def test_zeros_asked_for_before_a_training_are_an_error():
    with pytest.raises(ValueError, match="asked after a training began"):
        MagnitudePruning(0.5, end=1).reached()
