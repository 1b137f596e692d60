"""What every next-item model owes: order learned, padding without effect, no look ahead."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.factorization.negatives import ByPopularity
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential import published as models
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.objectives import BinaryCrossEntropy
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from tests.worlds import interactions_of_histories

SIZE = EncoderSize(length=6, dim=16, blocks=1, heads=2, dropout=0.1)
MODELS = {
    "sasrec": models.sasrec,
    "bert4rec": models.bert4rec,
    "gru4rec": models.gru4rec,
    "bsarec": models.bsarec,
    "fmlp": models.fmlp,
    "hstu": models.hstu,
}
LOOKING_BACK = ("sasrec", "gru4rec", "hstu")


def circle(num_items=8, users=64, seed=0):
    """Users who go round: after item i comes i + 1, after the last the first."""
    rng = np.random.default_rng(seed)
    histories = [
        (rng.integers(num_items) + np.arange(rng.integers(3, 8))) % num_items for _ in range(users)
    ]
    return interactions_of_histories(*histories, num_items=num_items)


def fitted(build, data, *, epochs, wrap=None, **settings):
    keras.utils.set_random_seed(0)
    model = build(data, size=SIZE, **settings)
    kind = "prefixes" if model.mode == "last" else "whole"
    windows = training_windows(data, model.length, kind=kind)
    batches = of_windows(windows, batch_size=32, seed=0, trimmed=not model.fixed_length)
    trained = model if wrap is None else wrap(model)
    trained.compile(optimizer=keras.optimizers.Adam(0.01))
    trained.fit(batches, epochs=epochs, verbose=0)
    return model


def padded(*histories, places=6):
    rows = [[NONE] * (places - len(history)) + list(history) for history in histories]
    return tf.constant(rows, tf.int32)


def answered(model, num_items=8):
    """Whether the item after the last of a history stands first, for each of all items."""
    histories = padded(*[[(i - 1) % num_items, i] for i in range(num_items)])
    best = tf.argmax(model.score_history(histories), 1).numpy()
    return np.mean(best == (np.arange(num_items) + 1) % num_items)


@functools.cache
def learned(name):
    return fitted(MODELS[name], circle(), epochs=60 if name == "bert4rec" else 20)


@pytest.mark.parametrize("name", MODELS)
def test_the_order_is_learned(name):
    assert answered(learned(name)) == 1.0


@pytest.mark.parametrize(
    "objective",
    [
        BinaryCrossEntropy(),
        BinaryCrossEntropy(negatives=3, calibrated=0.75),
        SampledSoftmax(candidates=16),
    ],
    ids=["one negative", "gbce", "sampled softmax"],
)
def test_the_order_is_learned_by_each_objective(objective):
    assert answered(fitted(models.sasrec, circle(), epochs=100, objective=objective)) == 1.0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", MODELS)
def test_half_precision_trains_near_single_precision(name, policy):
    data = circle(users=8)

    def one_step():
        model = MODELS[name](data, size=SIZE)
        kind = "prefixes" if model.mode == "last" else "whole"
        windows = training_windows(data, 6, kind=kind)
        batch = next(iter(of_windows(windows, batch_size=8, seed=0, trimmed=False).dataset(0)))
        optimizer = keras.optimizers.SGD(0.1)
        if keras.mixed_precision.global_policy().name == "mixed_float16":
            optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=64)
        model.compile(optimizer=optimizer, run_eagerly=True)
        model.train_step(batch)
        scores = model.score_history(padded([0, 1]))
        assert scores.dtype == tf.float32
        return model.compute_loss(batch).numpy(), scores.numpy()

    keras.mixed_precision.set_global_policy(policy)
    try:
        loss, scores = one_step()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    expected_loss, expected = one_step()
    assert loss == pytest.approx(expected_loss, rel=0.02)
    np.testing.assert_allclose(scores, expected, atol=0.05 * np.abs(expected).max())


@pytest.mark.parametrize("name", MODELS)
def test_padding_has_no_effect(name):
    model = learned(name)
    few = model.score_history(padded([1, 2, 3], places=3))
    many = model.score_history(padded([1, 2, 3], places=6))
    np.testing.assert_allclose(few, many, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_of_a_longer_history_the_last_items_are_read(name):
    model = learned(name)
    last = model.score_history(padded([2, 3, 4, 5, 6, 7]))
    more = model.score_history(padded([0, 1, 2, 3, 4, 5, 6, 7], places=8))
    np.testing.assert_allclose(last, more, atol=1e-5)


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_no_place_reads_what_comes_after_it(name):
    model = learned(name)
    one, other = (model.states(padded([1, 2, 3, last])) for last in (4, 5))
    np.testing.assert_allclose(one[:, :-1], other[:, :-1], atol=1e-6)
    assert np.abs(one[:, -1] - other[:, -1]).max() > 1e-3


def test_bert4rec_reads_both_sides():
    model = learned("bert4rec")
    one, other = (model.states(padded([1, 2, 3, last])) for last in (4, 5))
    assert np.abs(one[:, 3] - other[:, 3]).max() > 1e-5


def test_the_loss_of_an_untrained_model_is_that_of_a_guess():
    """Each target against eight items of about one score: log 8."""
    data = circle()
    model = models.sasrec(data, size=SIZE)
    batches = of_windows(training_windows(data, 6), batch_size=64, seed=0)
    loss = model.compute_loss(next(iter(batches.dataset(0))))
    assert float(loss) == pytest.approx(np.log(8), abs=0.3)


def test_the_same_batch_has_the_same_loss_with_its_dropout():
    data = circle()
    model = models.sasrec(data, size=SIZE)
    batch = next(iter(of_windows(training_windows(data, 6), batch_size=64, seed=0).dataset(0)))
    first, again = (float(model.compute_loss(batch, training=True)) for _ in range(2))
    other = model.compute_loss({**batch, "seed": batch["seed"] + 1}, training=True)
    assert first == again != float(other)


def test_a_user_without_history_gets_what_is_popular():
    data = interactions_of_histories([0, 1], [], [1, 2])
    model = models.sasrec(data, size=SIZE)
    assert model.score(tf.constant([1]))[0].numpy().argmax() == 1


def test_other_histories_are_read_by_the_same_model():
    model = learned("sasrec")
    later = interactions_of_histories(*[[i % 8, (i + 1) % 8] for i in range(64)], num_items=8)
    best = tf.argmax(model.on(later).score(tf.range(8)), 1).numpy()
    assert best.tolist() == [2, 3, 4, 5, 6, 7, 0, 1]


@pytest.mark.slow
def test_the_time_between_is_read():
    """After a long pause comes item 0, after a short one item 1."""
    rng = np.random.default_rng(0)
    histories, times = [], []
    for _ in range(128):
        long = rng.random() < 0.5
        histories.append([2, 3, 0 if long else 1])
        times.append([0, 1000 if long else 1, 2000])
    data = interactions_of_histories(*histories, times=times)
    for build in (models.sasrec, models.hstu):
        model = fitted(build, data, epochs=40, use_times=True)
        scores = model.score_history(
            padded([2, 3], [2, 3], places=2), tf.constant([[0.0, 1000.0], [0.0, 1.0]])
        )
        assert tf.argmax(scores, 1).numpy().tolist() == [0, 1]


def test_times_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="`use_times` should be off"):
        models.sasrec(circle(), size=SIZE, use_times=True)


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param(None, marks=pytest.mark.slow),
        pytest.param(["candidate_rows"], marks=pytest.mark.slow),
        ["item_rows", "positions"],
    ],
)
def test_adversarial_training_moves_what_is_named(layers):
    noted = {}

    def wrap(model):
        noted["wrapped"] = AdversarialTraining(
            model, fgsm(0.2, relative=True), layers=layers, fraction=1.0
        )
        return noted["wrapped"]

    model = fitted(models.sasrec, circle(), epochs=20, wrap=wrap)
    assert answered(model) == 1.0
    data = circle()
    batch = next(iter(of_windows(training_windows(data, 6), batch_size=64, seed=0).dataset(0)))
    found = noted["wrapped"].losses_under_attack(batch)
    assert float(found["adversarial_loss"]) > float(found["clean_loss"])


def test_weights_go_back_into_a_model_of_the_same_items(tmp_path):
    model = learned("sasrec")
    model.save_weights(tmp_path / "weights.h5")
    again = models.sasrec(circle(), size=SIZE, seed=5)
    again.load_weights(tmp_path / "weights.h5")
    history = padded([1, 2])
    np.testing.assert_allclose(model.score_history(history), again.score_history(history))


def test_a_model_is_saved_and_loaded_whole(tmp_path):
    objective = SampledSoftmax(ByPopularity(0.5), candidates=4)
    model = fitted(models.gru4rec, circle(), epochs=1, objective=objective)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    users = tf.range(5)
    np.testing.assert_allclose(model.score(users), again.score(users), atol=1e-6)
    assert again.objective.bound.settings == objective
    assert again.recommend([3], 2).equals(model.recommend([3], 2))
