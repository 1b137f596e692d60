"""Towers and ranking under what Keras offers: policies, strategies, files, callbacks."""

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data import batches
from tests.worlds import block_world

DATA = dataclasses.replace(
    block_world(30, 12, 4, seed=1),
    item_features=pd.DataFrame({"year": 1994.0 + np.arange(12), "tags": ["a|b", "c"] * 6}),
)
PAIRS = batches.of_pairs(DATA, batch_size=40, seed=0)
MAKERS = {
    "retrieval": lambda: ar.models.two_tower(DATA, embedding_dim=4, use_features=True, hidden=(6,)),
    "ranking": lambda: ar.models.ranking_tower(DATA, embedding_dim=4, hidden=(6,)),
}


@pytest.fixture
def policy(request):
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"], indirect=True)
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "adversarial"])
@pytest.mark.parametrize("kind", MAKERS)
def test_half_precision_trains_near_single_precision(policy, kind, wrapped):
    def first_losses():
        model = MAKERS[kind]()
        found = model.score(tf.range(2))
        assert found.dtype == tf.float32 and np.isfinite(found).all()
        if wrapped:
            model = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True), fraction=1.0)
        optimizer = keras.optimizers.SGD(0.1)
        if policy == "mixed_float16":
            optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=64)
        model.compile(optimizer=optimizer, run_eagerly=True)
        return model.fit(PAIRS, steps_per_epoch=2, epochs=1, verbose=0).history["loss"]

    half = first_losses()
    keras.mixed_precision.set_global_policy("float32")
    assert half == pytest.approx(first_losses(), rel=0.02)


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
def test_numbers_are_standardized_before_they_lose_digits(policy):
    # bfloat16 knows no odd year after 1024
    tower = ar.models.two_tower(DATA, embedding_dim=4, use_features=True).item_tower
    inner = next(m for m in tower.submodules if m.name == "item_tower_feature_tower")
    years = tf.constant([1996.0, 1997.0])
    part = inner.get_layer("year_standardized")(years)
    assert float(part[1, 0] - part[0, 0]) == pytest.approx(1 / np.arange(12).std(), rel=1e-3)


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "adversarial"])
def test_a_fit_that_was_interrupted_goes_on_from_its_backup(tmp_path, wrapped, caplog):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise InterruptedError

    def make():
        model = MAKERS["ranking"]()
        if wrapped:
            model = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True))
        model.compile(optimizer=keras.optimizers.SGD(0.1))
        return model

    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(InterruptedError):
        make().fit(PAIRS, epochs=3, steps_per_epoch=1, callbacks=[backup, Stop()], verbose=0)
    model = make()
    history = model.fit(PAIRS, epochs=3, steps_per_epoch=1, callbacks=[backup], verbose=0)
    assert len(history.epoch) < 3 and int(model.optimizer.iterations) == 3
    assert "must be built" not in caplog.text


@pytest.mark.parametrize("kind", MAKERS)
def test_summaries_and_weights_work_before_and_after_fit(tmp_path, kind):
    model, other = MAKERS[kind](), MAKERS[kind]()
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert "Total params" in "\n".join(lines)
    model.fit(PAIRS, steps_per_epoch=2, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.score(tf.range(3)), other.score(tf.range(3)))


@pytest.mark.parametrize("kind", MAKERS)
def test_a_whole_model_is_saved_and_loaded(tmp_path, kind):
    rows = np.arange(len(DATA))
    data = dataclasses.replace(
        DATA,
        rating=1.0 + rows % 5,
        context=pd.DataFrame({"hour": rows % 24, "day": pd.to_datetime("2024-01-01")}),
        kinds={"hour": "category"},
    )
    if kind == "ranking":
        model = ar.models.ranking_tower(data, embedding_dim=4, hidden=(6,), objective="ratings")
    else:
        model = ar.models.two_tower(data, embedding_dim=4, use_features=True, use_context=True)
    wrapper = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True))
    wrapper.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    path = tmp_path / "model.keras"
    made = batches.of_pairs(data, batch_size=40, seed=0)
    wrapper.fit(
        made, steps_per_epoch=1, callbacks=[keras.callbacks.ModelCheckpoint(str(path))], verbose=0
    )
    loaded = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(loaded.score(tf.range(3)), model.score(tf.range(3)), rtol=1e-5)
    inputs = next(iter(made.dataset(3)))
    expected = float(model.compute_loss(inputs))
    assert float(loaded.compute_loss(inputs)) == pytest.approx(expected, rel=1e-5)
    assert loaded.interactions.fingerprint() == data.fingerprint()
    with pytest.raises(ValueError, match="`save` should write a .* ends in .keras"):
        model.save(tmp_path / "folder")


def test_a_loaded_model_goes_on_with_its_optimizer(tmp_path):
    model = MAKERS["retrieval"]()
    model.compile(optimizer=ar.training.LazyAdam(0.01), run_eagerly=True)
    model.fit(PAIRS, steps_per_epoch=1, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = [m.fit(PAIRS, steps_per_epoch=1, verbose=0).history for m in (loaded, model)]
    assert again[0] == again[1] and int(loaded.optimizer.iterations) == 2
    np.testing.assert_allclose(loaded.score(tf.range(3)), model.score(tf.range(3)), rtol=1e-5)


STRATEGY = """
import advrec_tf as ar
import numpy as np
import tensorflow as tf
from tensorflow import keras
from advrec_tf.data import batches

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.models.test_keras_habits import DATA, MAKERS, PAIRS
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def trained(scope, data, wrapped=False):
    with scope:
        keras.utils.set_random_seed(0)
        model = trained_model = MAKERS["retrieval"]()
        if wrapped:
            trained_model = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True))
        trained_model.compile(optimizer=keras.optimizers.SGD(0.1))
    return model, trained_model.fit(data, epochs=2, verbose=0).history["loss"]

def own():
    ids = {"user_id": DATA.users.ids[DATA.user_index], "item_id": DATA.items.ids[DATA.item_index]}
    return tf.data.Dataset.from_tensor_slices(ids).batch(40)

def replicas_of(model):
    for variable in model.trainable_variables:
        one, other = strategy.experimental_local_results(variable)
        np.testing.assert_array_equal(one, other)

for data in (lambda: PAIRS, own):
    one, loss = trained(tf.distribute.get_strategy().scope(), data())
    two, mirrored = trained(strategy.scope(), data())
    replicas_of(two)
    np.testing.assert_allclose(mirrored, loss, rtol=1e-5)
    for a, b in zip(one.trainable_variables, two.trainable_variables):
        np.testing.assert_allclose(a, b, atol=1e-5)
print("equal")
model, losses = trained(strategy.scope(), PAIRS, wrapped=True)
replicas_of(model)
print("trained", np.isfinite(losses).all())
with strategy.scope():
    factorization = ar.models.MatrixFactorization(DATA, dim=4)
    factorization.compile(optimizer=ar.training.LazyAdam(0.01))
try:
    factorization.fit(batches.in_blocks(PAIRS, 2), epochs=1, verbose=0)
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_two_replicas_train_as_one_device_does():
    command = [sys.executable, "-c", STRATEGY]
    found = subprocess.run(command, capture_output=True, text=True)
    assert "equal" in found.stdout, found.stderr[-3000:]
    assert "trained True" in found.stdout, found.stderr[-3000:]
    assert "Blocks of steps should be trained on one device" in found.stdout
