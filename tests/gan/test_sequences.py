import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE, sequences_of
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.sequences import build_sequence_gan, policy_gradient
from advrec_tf.models.content.tower import Modality

RING = 8


@pytest.fixture(scope="module")
def data():
    """40 users; each starts somewhere on a ring of eight items and goes on by one, even users
    forwards, odd ones backwards, four items each; every fifth stops after three."""
    rng = np.random.default_rng(0)
    pairs = []
    for user in range(40):
        start, step = rng.integers(RING), 1 if user % 2 == 0 else -1
        pairs += [(user, (start + step * i) % RING) for i in range(3 if user % 5 == 0 else 4)]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(40)),
        items=Vocabulary(np.arange(RING)),
    )


@pytest.fixture(scope="module")
def attributes():
    return Modality(name="direction", vectors=np.eye(2, dtype=np.float32)[np.arange(40) % 2])


def build(data, attributes=None, **settings):
    sequences = sequences_of(data, length=4)
    return build_sequence_gan(
        data, sequences, attributes=attributes, dim=16, dropout=0.0, **settings
    )


def batch(model, n=8):
    return {"sequence_index": tf.range(n), "seed": tf.constant([3, 4])}


def compiled(model, rate=1e-2):
    model.compile(d_optimizer=keras.optimizers.Adam(1e-3), g_optimizer=keras.optimizers.Adam(rate))
    return model


def fit(model, epochs):
    made = batches.of_index(
        np.arange(len(model.sequences)), batch_size=40, seed=0, name="sequence_index"
    )
    model.fit(made.dataset(0), steps_per_epoch=1, epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def ablation(data, attributes):
    keras.utils.set_random_seed(0)
    return fit(compiled(build(data, attributes, loss=AdversarialLoss(weight=0.0))), 120)


def steps(items):
    """Step along the ring between neighbors that are both there, of all sequences."""
    there = items[:, 1:] != NONE
    return ((items[:, 1:] - items[:, :-1]) % RING)[there]


def test_likelihood_learns_the_order_and_follows_attributes(ablation):
    for direction, step in ((0, 1), (1, RING - 1)):
        known = np.tile(np.eye(2)[direction], (60, 1))
        made = ablation.generate(60, seed=1, attributes=known)
        assert np.mean(steps(made) == step) > 0.95
        assert 0.05 < np.mean(made[:, 3] == NONE) < 0.45  # a fifth stops after three


def test_generated_sequences_begin_as_asked_do_not_repeat_and_repeat_for_a_seed(ablation):
    known = np.tile([[1.0, 0.0]], (30, 1))
    made = ablation.generate(30, seed=1, start=[5, 6], attributes=known)
    assert (made[:, :2] == [5, 6]).all()
    items = [row[row != NONE] for row in made]
    assert all(len(set(row)) == len(row) for row in items)
    np.testing.assert_array_equal(
        made, ablation.generate(30, seed=1, start=[5, 6], attributes=known)
    )
    assert (made != ablation.generate(30, seed=2, start=[5, 6], attributes=known)).any()


def test_it_ranks_what_comes_after_the_last_items(ablation, data):
    last = np.array(
        [data.by_user()[u].size and data.item_index[data.user_index == u][-1] for u in (1, 2, 3)]
    )
    best = ablation.score(tf.constant([1, 2, 3])).numpy().argmax(1)
    assert ((best - last) % RING).tolist() == [RING - 1, 1, RING - 1]


def test_an_ablation_logs_nothing_that_it_does_not_measure(ablation, data):
    assert [metric.name for metric in ablation.metrics] == ["reconstruction_loss"]
    assert ablation.health.healthy and not ablation.health.notes
    assert len(build(data).metrics) == 7


def test_users_are_ranked_by_the_rows_that_are_named(data):
    model, users = build(data), tf.range(2)
    before = model.score(users).numpy()
    model.rank_by(data.select(data.user_index != 0))
    after = model.score(users).numpy()
    np.testing.assert_array_equal(after[1], before[1])
    assert np.abs(after[0] - before[0]).max() > 0


def test_real_and_drawn_sequences_are_one_hot_rows_beside_attributes(data, attributes):
    model = build(data, attributes)
    real = model.real_samples(batch(model)).numpy()
    tokens = np.concatenate([[0], data.item_index[data.user_index == 0] + 1])[1:]
    shown = real[0, :-2].reshape(4, RING + 1).argmax(1)
    assert shown.tolist() == [*tokens, 0]  # user 0 stops after three
    np.testing.assert_array_equal(real[:, -2:], np.eye(2)[np.arange(8) % 2])
    fake = model.fake_samples(batch(model), tf.constant([1, 2]), training=True).numpy()
    places = fake[:, :-2].reshape(8, 4, RING + 1)
    np.testing.assert_allclose(places.sum(2), 1.0, atol=1e-5)
    assert set(np.round(places, 5).ravel()) == {0.0, 1.0}


def test_the_likelihood_counts_each_item_and_the_first_end_alone(data):
    # all logits zero: ln 9 a place; a fourth place that is the end counts, nothing after it
    model = build(data)
    weights = [0 * w for w in model.generator.get_weights()]
    model.generator.set_weights(weights)
    loss = float(model.reconstruction_loss(batch(model), tf.constant([1, 1]), training=True))
    assert loss == pytest.approx(math.log(RING + 1), rel=1e-5)
    # "none" certain (logit 20): a sequence of three pays 20 at its items and 0 at its end
    model.generator.get_layer("next_token").bias.assign([20.0] + [0.0] * RING)
    three = {"sequence_index": tf.constant([0]), "seed": tf.constant([1, 1])}
    assert float(model.reconstruction_loss(three, tf.constant([1, 1]), True)) == pytest.approx(
        20 * 3 / 4, rel=1e-4
    )


def test_the_policy_gradient_pulls_towards_what_was_rewarded_above_the_mean():
    # rewards 1, 0: advantages 1/2, -1/2; loss -(1/2 a - 1/2 b) / 2
    log_p = tf.constant([-1.0, -2.0])
    with tf.GradientTape() as tape:
        tape.watch(log_p)
        loss = policy_gradient(log_p, tf.constant([1.0, 0.0]))
    assert float(loss) == pytest.approx(-(0.5 * -1.0 - 0.5 * -2.0) / 2)
    np.testing.assert_allclose(tape.gradient(loss, log_p), [-0.25, 0.25])


@pytest.mark.parametrize("estimator", ["gumbel_softmax", "policy_gradient"])
@pytest.mark.slow
def test_either_estimator_teaches_the_generator_what_the_discriminator_likes(data, estimator):
    # a discriminator that likes item 0, whatever the place, and nothing else to pay
    width = 4 * (RING + 1)
    sample = keras.Input(shape=(width,))
    kernel = np.zeros((width, 1), np.float32)
    kernel[1 :: RING + 1] = 3.0
    logit = keras.layers.Dense(1, use_bias=False, name="logit")
    liking = keras.Model(sample, logit(sample))
    logit.set_weights([kernel])
    model = build(data, estimator=estimator, reconstruction_weight=0.0, repeats=True)
    model.discriminator = liking
    compiled(model, 2e-2)
    before = np.mean(model.generate(100, seed=5) == 0)
    inputs = {"sequence_index": tf.range(32)}
    update = tf.function(model.generator_step)
    for i in range(25):
        update(inputs, tf.constant([i, 0]))
    after = np.mean(model.generate(100, seed=5) == 0)
    assert before < 0.3 and after > before + 0.2


@pytest.mark.slow
def test_adversarial_training_after_likelihood_does_not_forget_the_order(
    data, attributes, ablation
):
    model = build(data, attributes, loss=AdversarialLoss(weight=0.3))
    model.generator.set_weights(ablation.generator.get_weights())
    fit(compiled(model, 1e-3), 3)
    made = model.generate(60, seed=1, attributes=np.tile([[1.0, 0.0]], (60, 1)))
    assert np.mean(steps(made) == 1) > 0.8
    assert float(model.d_loss.result()) > 0 and float(model.diversity.result()) > 0


def test_arguments_that_do_not_fit_are_refused(data, attributes, ablation):
    with pytest.raises(ValueError, match="`estimator` should be one of"):
        build(data, estimator="magic")
    with pytest.raises(ValueError, match="`temperature` should be > 0"):
        build(data, temperature=0.0)
    with pytest.raises(ValueError, match="`temperature` should be > 0. Received: '1'"):
        build(data, temperature="1")
    few = Modality(name="few", vectors=np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match="`attributes` should have 40 vectors"):
        build(data, few)
    with pytest.raises(ValueError, match=r"`attributes` should be \[3, 2\]. Received: None"):
        ablation.generate(3, seed=0)
    with pytest.raises(ValueError, match="`n` should be >= 1"):
        ablation.generate(0, seed=0)
