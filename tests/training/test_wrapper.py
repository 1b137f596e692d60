import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs
from tensorflow import keras

from advrec_tf.data.next_item import queries_of_sessions
from advrec_tf.evaluation.next_item import NextItemEvaluator
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.perturbations import fgsm, pgd
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.free_adversarial import FreeLB
from advrec_tf.training.random_substitutions import RandomSubstitutions
from advrec_tf.training.wrapper import ModelWrapper
from tests.training.lines import Line, X, Y, line, sgd
from tests.worlds import interactions_of, interactions_of_histories


def test_what_the_wrapped_model_was_compiled_with_is_taken_over():
    model = line(optimizer=sgd(), loss="mse", metrics=["mae"], steps_per_execution=2)
    wrapper = ModelWrapper(model)
    assert wrapper.optimizer is model.optimizer and int(wrapper.steps_per_execution) == 2
    # errors -1 and 1, so the slope of the loss is mean(2 * -1 * 1, 2 * 1 * 3) = 2
    logs = wrapper.fit(X, Y, batch_size=2, verbose=0).history
    assert model.get_weights()[0].item() == pytest.approx(1 - 0.1 * 2)
    assert logs == {"loss": [1.0], "mae": [1.0]}


def test_a_wrapper_scores_histories_as_the_wrapped_model_and_only_where_that_does():
    data = interactions_of_histories([0, 1, 2], [2, 3], [4, 0, 1], num_items=5)
    size = EncoderSize(length=4, dim=4, blocks=1, heads=1, dropout=0.0)
    model = published.sasrec(data, size=size)
    wrapper = AdversarialTraining(model, fgsm(0.1), layers=["item_rows"])
    asked = tf.constant([[3, 2, 1]])
    np.testing.assert_array_equal(wrapper.score_history(asked), model.score_history(asked))
    # Sessions of nobody that training knew: asked by their user they would all be ranked alike.
    unseen = interactions_of([(3, item) for item in (4, 3, 2, 0)], 4, 5)
    evaluator = NextItemEvaluator(queries_of_sessions(unseen), data, ks=(2,))
    found = [evaluator.evaluate(one).per_user["ndcg@2"] for one in (wrapper, model)]
    np.testing.assert_array_equal(*found)
    assert not hasattr(ModelWrapper(line()), "score_history")


def test_an_unknown_user_gets_what_the_wrapped_model_gives():
    class Own(Line):
        def unknown_user_scores(self):
            return np.arange(3.0)

    np.testing.assert_array_equal(ModelWrapper(Own()).unknown_user_scores(), np.arange(3.0))


def test_the_wrapper_can_bring_its_own_optimizer_and_the_loss_of_an_uncompiled_model():
    model = line(optimizer=sgd(0.0), loss="mse")
    wrapper = ModelWrapper(model)
    wrapper.compile(optimizer=sgd(0.1))
    wrapper.fit(X, Y, verbose=0)
    assert model.get_weights()[0].item() == pytest.approx(0.8)
    wrapper = ModelWrapper(line())
    wrapper.compile(sgd(), "mse", metrics=["mae"])
    assert set(wrapper.fit(X, Y, verbose=0).history) == {"loss", "mae"}
    assert set(wrapper.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss", "mae"}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.line = line()

    def call(self, x):
        return self.line(x)


def functional():
    inputs = keras.Input([1])
    return keras.Model(inputs, line()(inputs))


@pytest.mark.parametrize("model", [line, functional, Subclassed])
@pytest.mark.parametrize(
    "wrap",
    [
        ModelWrapper,
        lambda model: ModelWrapper(ModelWrapper(model)),
        lambda model: AdversarialTraining(model, fgsm(0.1), layers=["slope"]),
        lambda model: FreeLB(model, pgd(0.1, steps=2), layers=["slope"]),
    ],
)
def test_each_evaluation_and_each_epoch_has_the_loss_of_its_own_data(model, wrap):
    wrapper = wrap(model())
    wrapper.compile(sgd(0.0), "mse", metrics=["mse"])
    # errors -1 and 1; of the others -3 and -3
    logs = wrapper.fit(X, Y, epochs=2, validation_data=(X, X + 3), verbose=0).history
    assert logs["mse"] == pytest.approx([1, 1])
    assert logs["val_loss"] == logs["val_mse"] == pytest.approx([9, 9])
    for targets, expected in ((Y, 1), (X + 3, 9), (Y, 1)):
        found = wrapper.evaluate(X, targets, verbose=0, return_dict=True)
        assert found == {"loss": pytest.approx(expected), "mse": pytest.approx(expected)}


def test_a_tfrs_model_takes_the_batch_as_it_comes():
    wrapper = ModelWrapper(Line())
    wrapper.compile(optimizer=sgd())
    data = tf.data.Dataset.from_tensors((X, Y))
    assert wrapper.fit(data, verbose=0).history["loss"] == [1.0]
    assert wrapper.model.line.get_weights()[0].item() == pytest.approx(0.8)
    assert wrapper.evaluate(data, verbose=0, return_dict=True)["loss"] == pytest.approx(
        np.mean([1.2**2, 0.4**2])
    )


@pytest.mark.parametrize("kind", ["keras", "tfrs"])
@pytest.mark.parametrize(
    "wrap",
    [
        ModelWrapper,
        lambda model: FreeLB(model, pgd(1e-7, steps=4, relative=False), layers=["slope"]),
        lambda model: FreeLB(model, pgd(0.0, steps=4), layers=["slope"]),
    ],
)
def test_regularization_counts_once(kind, wrap):
    # errors -1 and 1: 1; l2 of the slope 1: .5
    settings = {"use_bias": False, "kernel_regularizer": keras.regularizers.L2(0.5)}
    layer = keras.layers.Dense(1, **settings, name="slope")
    inner = keras.Sequential([layer])
    inner.build([None, 1])
    layer.set_weights([np.ones([1, 1])])
    if kind == "tfrs":
        model = Line()
        model.line = inner
    else:
        model = inner
        model.compile(sgd(), "mse")
    wrapper = wrap(model)
    wrapper.compile(optimizer=sgd())
    data = tf.data.Dataset.from_tensors((X, Y))
    assert wrapper.fit(data, verbose=0).history["loss"] == [pytest.approx(1.5, rel=1e-5)]
    # the slope of the loss is 2 + 2 * .5
    assert layer.get_weights()[0].item() == pytest.approx(1 - 0.1 * 3, rel=1e-5)


def test_predictions_and_weights_are_those_of_the_wrapped_model(tmp_path):
    wrapper = ModelWrapper(line(2.0, optimizer=sgd(), loss="mse"))
    np.testing.assert_array_equal(wrapper.predict(X, verbose=0), 2 * X)
    wrapper.save_weights(tmp_path / "w.weights.h5")
    plain = line()
    plain.load_weights(tmp_path / "w.weights.h5")
    assert plain.get_weights()[0].item() == 2.0
    other = ModelWrapper(line(optimizer=sgd(), loss="mse"))
    other.load_weights(tmp_path / "w.weights.h5")
    assert other.model.get_weights()[0].item() == 2.0
    wrapper.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(X), 2 * X)


def test_whole_models_and_weights_are_checkpointed_during_training(tmp_path):
    wrapper = ModelWrapper(line(optimizer=sgd(), loss="mse"))
    saved = [
        keras.callbacks.ModelCheckpoint(str(tmp_path / "m.keras")),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "w.weights.h5"), save_weights_only=True),
    ]
    wrapper.fit(X, Y, verbose=0, callbacks=saved)
    plain = line()
    plain.load_weights(tmp_path / "w.weights.h5")
    for found in (plain, keras.models.load_model(tmp_path / "m.keras")):
        assert found.get_weights()[0].item() == pytest.approx(0.8)


class Counting(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


def test_a_train_step_of_its_own_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match="`model` should not define `train_step`: Counting does"):
        ModelWrapper(Counting())
    patched = line(optimizer=sgd(), loss="mse")
    patched.train_step = lambda data: {}
    with pytest.raises(ValueError, match="Move its loss into `compute_loss"):
        ModelWrapper(patched)


def test_what_is_no_keras_2_model_is_refused():
    keras_3 = pytest.importorskip("keras")
    for model, name in ((keras_3.Sequential(), "Sequential of Keras 3"), (3, "int")):
        with pytest.raises(ValueError, match=f"`model` should be a .*Received: a {name}"):
            ModelWrapper(model)


def test_a_compile_without_a_loss_or_an_optimizer_is_refused():
    with pytest.raises(ValueError, match="`optimizer` should be given"):
        ModelWrapper(line()).compile()
    with pytest.raises(ValueError, match="`loss` should be given to `compile`"):
        ModelWrapper(line()).compile(optimizer=sgd())


class Lookup(tfrs.Model):
    """The loss is the mean of the numbers looked up, 1, 2 and 6; regularization adds 3."""

    def __init__(self):
        super().__init__()
        numbers = keras.initializers.Constant([[1.0], [2.0], [6.0]])
        regularizer = keras.regularizers.L1(1 / 3)
        self.table = keras.layers.Embedding(3, 1, numbers, embeddings_regularizer=regularizer)

    def compute_loss(self, batch, training=False):
        return tf.reduce_mean(self.table(batch))


@pytest.mark.parametrize(
    ("wrap", "added"),
    [
        (ModelWrapper, 0),
        (lambda model: ModelWrapper(ModelWrapper(model)), 0),
        (lambda model: AdversarialTraining(model, fgsm(0.5, relative=False), fraction=0.5), 1),
        (lambda model: AdversarialTraining(model, fgsm(0.5, relative=False), fraction=1.0), 2),
        (lambda model: FreeLB(model, pgd(0.0, steps=2)), 0),
    ],
)
def test_a_tfrs_model_logs_in_training_what_it_logged_before_as_means_of_the_epoch(wrap, added):
    data = tf.data.Dataset.from_tensor_slices([[0, 1], [2, 2]])
    plain = Lookup()
    plain.compile(keras.optimizers.SGD(0.0))
    before = plain.fit(data, epochs=1, verbose=0).history
    # the last batch's: 6, and 1 / 3 (1 + 2 + 6)
    assert before == {"loss": [6], "regularization_loss": [3], "total_loss": [9]}
    model = wrap(Lookup())
    model.compile(keras.optimizers.SGD(0.0))
    stop = keras.callbacks.EarlyStopping(monitor="total_loss", patience=1)
    found = model.fit(data, epochs=5, verbose=0, callbacks=[stop]).history
    # (1.5 + 6) / 2, regularization, and the loss at the worst case: half of the first row or all
    clean = 3.75 + 3
    worst = {0: 0, 1: 0.5 * ((1 + 0.5) + (6 + 0.5)) / 2, 2: 3.75 + 0.5}[added]
    assert found["regularization_loss"] == pytest.approx([3, 3])  # it stopped after the second
    assert found["loss"] == found["total_loss"] == pytest.approx([clean + worst] * 2)
    assert set(before) <= set(found)


class SeedsNoted(RecommenderModel):
    """Keeps the seeds of the batches it was asked about; its loss is that of nothing."""

    def __init__(self):
        super().__init__()
        self.interactions = interactions_of([(0, 0), (1, 1)], 2, 2)
        self.rows = keras.layers.Embedding(2, 2)
        self.seeds = []

    def compute_loss(self, inputs, training=False):
        self.seeds.append(inputs["seed"].numpy().tolist())
        return tf.reduce_sum(self.rows(inputs["user_index"]))

    def score(self, user_index):
        return self.rows(user_index)


@pytest.mark.parametrize(
    ("wrap", "seed"),
    [
        (lambda model: model, 0),
        (ModelWrapper, 0),
        (lambda model: AdversarialTraining(model, fgsm(0.1), seed=7), 7),
        (lambda model: FreeLB(model, pgd(0.1, steps=2), seed=7), 7),
        (lambda model: RandomSubstitutions(model, layer=model.rows, num_items=2, seed=7), 7),
        (lambda model: ModelWrapper(AdversarialTraining(model, fgsm(0.1), seed=7)), 7),
        (lambda model: FreeLB(ModelWrapper(model), pgd(0.1, steps=2), seed=7), 7),
    ],
)
def test_a_pipeline_without_seeds_gets_another_at_each_step_of_the_wrapper(wrap, seed):
    model = SeedsNoted()
    wrapper = wrap(model)
    wrapper.compile(optimizer=sgd(), run_eagerly=True)
    own = {"user_index": tf.constant([0, 1]), "item_index": tf.constant([0, 1])}
    data = tf.data.Dataset.from_tensors(own).repeat(3)
    wrapper.fit(data, verbose=0)
    drawn = dict.fromkeys(map(tuple, model.seeds))  # each once: a step may ask several times
    assert list(drawn) == [(seed, 0), (seed, 1), (seed, 2)]
    model.seeds.clear()
    wrapper.evaluate(data.take(1), verbose=0)
    assert model.seeds == [[seed, 3]]


def test_a_wrapper_inside_another_counts_the_steps_of_that_one():
    # 2 with a slope of 1, worst at 2 -+ .5 from 1 and 3: 1.5^2; it enters at the second step
    inner = AdversarialTraining(
        Line(), fgsm(0.5, relative=False), layers=["slope"], fraction=1, warmup_steps=1
    )
    wrapper = ModelWrapper(inner)
    wrapper.compile(optimizer=sgd(0.0))
    data = tf.data.Dataset.from_tensors((X, Y))
    losses = [wrapper.fit(data, verbose=0).history["loss"][0] for _ in range(2)]
    assert losses == pytest.approx([1.0, 1.0 + 1.5**2])
