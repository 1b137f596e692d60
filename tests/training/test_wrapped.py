import numpy as np
import pytest
import tensorflow_recommenders as tfrs
from tensorflow import keras

from advrec_tf.training.wrapped import (
    embedding_layers,
    layers_to_perturb,
    loss_is_summed,
    state_kept,
)
from tests.training.lines import Line, X, Y, line, sgd


def test_metrics_and_moving_statistics_stay_as_they_are_within_the_block():
    norm = keras.layers.BatchNormalization(momentum=0.5)
    model = line(1.0, norm, optimizer=sgd(), loss="mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    before = [v.numpy() for v in (*norm.weights, *(w for m in model.metrics for w in m.weights))]
    with state_kept(model):
        out = model(X, training=True)
        for metric in model.metrics:
            metric.update_state(Y, out) if metric.name == "mae" else metric.update_state(7.0)
    after = [v.numpy() for v in (*norm.weights, *(w for m in model.metrics for w in m.weights))]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert norm.momentum == 0.5
    model(X, training=True)
    assert norm.moving_mean.numpy() != before[2]


def towers():
    lookup = keras.layers.StringLookup(vocabulary=["a"], name="lookup")
    users, items = (keras.layers.Embedding(3, 2, name=f"{n}_embedding") for n in ("user", "item"))
    return keras.Sequential([lookup, keras.Sequential([users]), items])


def test_every_embedding_is_found_at_any_depth_once_unless_frozen():
    model = towers()
    assert [layer.name for layer in layers_to_perturb(model, None)] == [
        "item_embedding",
        "user_embedding",
    ]
    embedding_layers(model)[0].trainable = False
    assert [layer.name for layer in embedding_layers(model)] == ["user_embedding"]


def test_layers_are_named_or_given():
    model = towers()
    users = embedding_layers(model)[1]
    assert layers_to_perturb(model, ["user_embedding", users]) == (users, users)
    with pytest.raises(ValueError, match="'users', which 0 layers have. The names are: item_emb"):
        layers_to_perturb(model, ["users"])
    inputs = keras.Input([1], name="x")
    functional = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    with pytest.raises(ValueError, match="`layers` should hold layers that compute something"):
        layers_to_perturb(functional, ["x"])


def test_a_loss_that_adds_over_examples_is_recognized():
    class Retrieval(Line):
        def __init__(self, **settings):
            super().__init__()
            self.task = tfrs.tasks.Retrieval(**settings)

    mean = keras.losses.CategoricalCrossentropy(from_logits=True)
    assert loss_is_summed(Retrieval()) and not loss_is_summed(Retrieval(loss=mean))
    summed = keras.losses.MeanSquaredError(reduction="sum")
    assert loss_is_summed(line(optimizer=sgd(), loss=summed))
    assert not loss_is_summed(line(optimizer=sgd(), loss="mse"))


def test_a_model_whose_losses_are_sums_and_means_is_told_of():
    class Both(Line):
        def __init__(self):
            super().__init__()
            self.retrieval = tfrs.tasks.Retrieval()
            self.ranking = tfrs.tasks.Ranking(loss=keras.losses.MeanSquaredError())

    with pytest.warns(UserWarning, match=r"sums over the batch .* means \(MeanSquaredError\)"):
        assert loss_is_summed(Both())
