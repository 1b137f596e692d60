"""Batches as a `tf.data` pipeline of someone else has them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data import batches
from advrec_tf.models.own_batches import complete, completed_dataset
from tests.worlds import block_world, interactions_of

DATA = interactions_of([(0, 0), (0, 1), (1, 0), (1, 2), (2, 1)], users=["u", "v", "w"])
DATA = dataclasses.replace(DATA, context=pd.DataFrame({"device": list("xyxyx")}))


def test_a_batch_of_ids_is_completed():
    given = {"user_id": tf.constant(["w", "u"]), "item_id": tf.constant([2, 0], tf.int64)}
    found = complete({**given, "device": tf.constant(["y", "z"])}, DATA, tf.constant([5, 7]))
    assert found["user_index"].numpy().tolist() == [2, 0]
    assert found["item_index"].numpy().tolist() == [2, 0]
    assert found["weight"].numpy().tolist() == [1, 1]
    assert found["generated"].numpy().tolist() == [False, False]
    assert found["seed"].numpy().tolist() == [5, 7]
    assert found["context/device"].numpy().tolist() == [1, 2]


def test_what_a_batch_has_is_kept():
    given = next(iter(batches.of_pairs(DATA, batch_size=5, seed=0).dataset(0)))
    found = complete(given, DATA, tf.constant([5, 7]))
    assert found.keys() == given.keys()
    assert all(found[name] is given[name] for name in given)


def test_an_unknown_id_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="`user_id` should hold ids of the"):
        complete(
            {"user_id": tf.constant(["?"]), "item_index": tf.constant([0])},
            DATA,
            tf.constant([0, 0]),
        )


def test_the_ids_that_are_unknown_are_named_and_counted():
    ids = {"user_id": tf.constant(["u", "v", "?", "w", "!"]), "item_index": tf.range(5)}
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        complete(ids, DATA, tf.constant([0, 0]))
    assert all(part in str(error.value) for part in ("none:", "2", "which are:", "?", "!"))
    assert "'u'" not in str(error.value) and '"u"' not in str(error.value)


def test_a_single_row_is_refused_with_how_it_is_batched():
    ids = tf.data.Dataset.from_tensor_slices({"user_id": ["u"], "item_id": ["0"]})
    with pytest.raises(ValueError, match="`user_id` should be of a batch.*batched by"):
        complete(next(iter(ids)), DATA, tf.constant([0, 0]))


def test_weights_are_made_float32_and_refused_below_0_or_not_finite():
    ids = {"user_id": tf.constant(["u", "v"]), "item_id": tf.constant(["0", "2"])}
    weight = complete({**ids, "weight": tf.constant([2, 0], tf.int64)}, DATA, tf.constant([0, 0]))[
        "weight"
    ]
    assert weight.dtype == tf.float32 and weight.numpy().tolist() == [2, 0]
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(tf.errors.InvalidArgumentError, match="`weight` should hold finite"):
            complete({**ids, "weight": tf.constant([1.0, wrong])}, DATA, tf.constant([0, 0]))


@pytest.mark.parametrize("make", [ar.models.two_tower, ar.models.ranking_tower])
def test_a_batch_of_other_keys_is_refused_with_the_keys_it_has(make):
    model = make(dataclasses.replace(DATA, context=None), embedding_dim=2)
    message = "`user_id` and `item_id`, .* the keys: item_id, item_index, who"
    with pytest.raises(ValueError, match=message):
        model.compute_loss({"item_id": tf.constant([1, 2]), "who": tf.constant([1, 2])})
    with pytest.raises(ValueError, match="should be a dict of tensors .* Received: tuple"):
        model.compute_loss((tf.constant([1]), tf.constant([2])))


def test_adversarial_training_completes_a_batch_of_ids_too():
    data = dataclasses.replace(DATA, context=None)
    model = ar.AdversarialTraining(
        ar.models.two_tower(data, embedding_dim=2), ar.fgsm(0.1, relative=True)
    )
    ids = {"user_id": tf.constant(["u", "v"]), "item_id": tf.constant(["0", "2"])}
    pairs = model.completed(ids)
    assert pairs["weight"].numpy().tolist() == [1, 1]
    assert float(model.compute_loss(pairs, training=True)) > float(model.compute_loss(pairs)) > 0


def test_the_losses_under_attack_of_a_batch_of_ids_are_those_of_its_indices():
    data = dataclasses.replace(DATA, context=None)
    model = ar.AdversarialTraining(ar.models.MatrixFactorization(data, dim=2), ar.fgsm(0.1), seed=3)
    ids = {"user_id": np.array(["u", "v"]), "item_id": np.array(["0", "2"])}
    pairs = model.completed({name: tf.constant(column) for name, column in ids.items()})
    found = model.losses_under_attack(ids)
    assert found == model.losses_under_attack(pairs)
    assert found["adversarial_loss"] > found["clean_loss"] > 0


def test_a_pipeline_of_ids_alone_trains_in_epochs_that_end():
    data = block_world(30, 12, 4, seed=1)
    ids = {
        "user_id": data.users.ids[data.user_index],
        "item_id": data.items.ids[data.item_index].astype(str),
    }
    pipeline = tf.data.Dataset.from_tensor_slices(ids).shuffle(200, seed=0).batch(60)
    model = ar.models.two_tower(data, embedding_dim=8)
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    losses = model.fit(pipeline, epochs=25, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    parity = np.arange(12) % 2 == np.arange(30)[:, None] % 2
    scores = model.score(tf.range(30)).numpy()
    assert scores[parity].mean() > scores[~parity].mean() + 2


def test_a_compiled_step_trains_on_text_ids_as_another_one_does():
    """XLA can look up no text: that happens in the pipeline."""
    data = block_world(30, 12, 4, seed=1)
    ids = {
        "user_id": data.users.ids[data.user_index].astype(str),
        "item_id": data.items.ids[data.item_index].astype(str),
        "device": np.array(["x"] * len(data)),
    }
    pipeline = tf.data.Dataset.from_tensor_slices(ids).batch(60)
    losses = []
    for compiled in (False, True):
        model = ar.AdversarialTraining(ar.models.two_tower(data, embedding_dim=4), ar.fgsm(0.1))
        model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=compiled)
        fitted = model.fit(pipeline, validation_data=pipeline, verbose=0).history
        losses.append(
            [fitted["loss"][0], fitted["val_loss"][0], model.evaluate(pipeline, verbose=0)]
        )
    np.testing.assert_allclose(losses[0][0], losses[1][0], rtol=1e-5)
    np.testing.assert_allclose(losses[0][1], losses[1][1], rtol=1e-5)
    np.testing.assert_allclose(losses[0][2], losses[1][2], rtol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("user_index", [0, 1, 3], "`user_index` should lie in 0..2."),
        ("item_index", [0, -1, 1], "`item_index` should lie in 0..2."),
        ("item_id", ["0", "?", "1"], "`item_id` should hold ids of the training interactions."),
        ("weight", [1.0, np.nan, 1.0], "`weight` should hold finite numbers >= 0."),
    ],
)
def test_what_is_wrong_is_refused_where_the_step_is_compiled_as_well(
    name, values, message, compiled
):
    batch = {"user_index": [0, 1, 2], "item_index": [0, 1, 2], name: values}
    if name == "item_id":
        del batch["item_index"]
    model = ar.models.MatrixFactorization(dataclasses.replace(DATA, context=None), dim=2)
    model.compile(optimizer="sgd", jit_compile=compiled)
    pipeline = tf.data.Dataset.from_tensor_slices(batch).batch(3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        model.fit(pipeline, verbose=0)


def test_histories_out_of_range_are_refused():
    found = complete({"history": tf.constant([[-1, 2]])}, DATA, tf.constant([0, 0]))
    assert found["history"].numpy().tolist() == [[-1, 2]]
    for wrong in (-2, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match="`history` should lie in -1..2."):
            complete({"history": tf.constant([[-1, wrong]])}, DATA, tf.constant([0, 0]))


def test_a_dataset_that_is_complete_or_of_something_else_stays_as_it_is():
    made = batches.of_pairs(DATA, batch_size=5, seed=0).dataset(0)
    tuples = tf.data.Dataset.from_tensor_slices(([1], [2])).batch(1)
    for given in (made, tuples, {"user_index": [0]}, None):
        assert completed_dataset(given, DATA, compiled=True) is given


def test_a_dataset_of_single_rows_is_refused_before_training():
    rows = tf.data.Dataset.from_tensor_slices({"user_id": ["u"], "item_id": ["0"]})
    with pytest.raises(ValueError, match="`user_id` should be of a batch.*batched by"):
        completed_dataset(rows, DATA, compiled=False)


def test_batches_are_given_to_fit_as_they_are():
    data = block_world(30, 12, 4, seed=1)
    made = batches.of_pairs(data, batch_size=50, seed=0)
    model = ar.models.two_tower(data, embedding_dim=4)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    history = model.fit(made, validation_data=made, epochs=3, initial_epoch=1, verbose=0)
    assert history.epoch == [1, 2] and int(model.optimizer.iterations) == 2 * made.steps_per_epoch
    assert len(history.history["val_loss"]) == 2


def test_objects_of_keras_3_are_refused_with_the_import_to_use():
    keras_3 = pytest.importorskip("keras")
    model = ar.models.two_tower(dataclasses.replace(DATA, context=None), embedding_dim=2)
    with pytest.raises(ValueError, match="`optimizer` should be of Keras 2. Received: a Adam of"):
        model.compile(optimizer=keras_3.optimizers.Adam())
    model.compile(optimizer="sgd")
    made = batches.of_pairs(DATA, batch_size=5, seed=0)
    with pytest.raises(ValueError, match="`callbacks` .* `from tensorflow import keras`"):
        model.fit(made, callbacks=[keras_3.callbacks.EarlyStopping()])
    tower = keras_3.Sequential([keras_3.layers.Input([1]), keras_3.layers.Dense(1)])
    with pytest.raises(ValueError, match="`user_tower` should be of Keras 2. Received: a Seq"):
        ar.models.TwoTower(tower, tower, DATA)
    with pytest.raises(ValueError, match="`generator` should be of Keras 2"):
        ar.GAN(tower, tower)
    adversarial = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=False))
    with pytest.raises(ValueError, match="`optimizer` should be of Keras 2"):
        adversarial.compile(optimizer=keras_3.optimizers.Adam())


def test_lists_of_a_model_whose_weights_are_nan_are_refused():
    model = ar.models.two_tower(dataclasses.replace(DATA, context=None), embedding_dim=2)
    assert len(model.recommend(["u"], 1)) == 1
    model.set_weights([np.full_like(value, np.nan) for value in model.get_weights()])
    with pytest.raises(ValueError, match="TwoTower gives NaN"):
        model.recommend(["u"], 1)
