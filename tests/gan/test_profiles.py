import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.gan import losses
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.profiles import ProfileGAN, build_discriminator, build_profile_gan
from advrec_tf.gan.samples import diversity

# Users {0, 1}, {2}, {0, 3, 4} of five items.
ROWS = [(0, 0), (0, 1), (1, 2), (2, 0), (2, 3), (2, 4)]
PROFILES = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 1, 1]], np.float32)
SEED = tf.constant([5, 6])


def rows(pairs=ROWS, num_users=3, num_items=5):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


def constant_generator(num_items=5, value=0.0):
    """Logits of one bias, `value`, whatever the condition."""
    condition = keras.Input(shape=(num_items,))
    logits = keras.layers.Dense(
        num_items,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(value),
    )(condition)
    return keras.Model(condition, logits)


def echo_generator(num_items=5):
    """Logits 0 for what the condition lacks and 20 for what it has: sigmoid .5 and 1."""
    condition = keras.Input(shape=(num_items,))
    return keras.Model(condition, keras.layers.Rescaling(20.0)(condition))


def gan(generator=None, data=None, **settings):
    data = data or rows()
    return ProfileGAN(
        data,
        generator or constant_generator(data.num_items),
        build_discriminator(data.num_items, hidden=(3,)),
        **settings,
    )


def batch(users=(0, 1, 2)):
    return {
        "user_index": tf.constant(users),
        "weight": tf.ones(len(users)),
        "seed": SEED,
    }


def wide():
    """One user with the first 50 of 400 items."""
    return rows([(0, i) for i in range(50)], num_users=1, num_items=400)


def shown(model, users=(0, 1, 2)):
    """(condition, generated profile) as the discriminator sees them."""
    fake = model.fake_samples(batch(users), SEED, training=True).numpy()
    return np.split(fake, 2, axis=1)


def test_a_real_sample_is_the_profile_beside_itself():
    real = gan().real_samples(batch()).numpy()
    np.testing.assert_array_equal(real, np.concatenate([PROFILES, PROFILES], axis=1))


def test_a_generated_sample_stands_beside_the_real_profile():
    condition, _ = shown(gan(drop=0.9))
    np.testing.assert_array_equal(condition, PROFILES)


def test_hidden_negatives_are_zero_in_what_the_discriminator_sees():
    # sigmoid(0) = .5 on the user's items, and nowhere else
    _, profile = shown(gan(masked_negatives=0.0))
    np.testing.assert_allclose(profile, 0.5 * PROFILES)
    _, profile = shown(gan(masked_negatives=1.0))
    np.testing.assert_allclose(profile, np.full((3, 5), 0.5))


def test_the_fraction_of_negatives_shown_is_the_asked_for_one():
    # 350 negatives at .3: 105 expected, standard deviation sqrt(350 * .3 * .7) = 8.6
    _, profile = shown(gan(data=wide(), masked_negatives=0.3), [0])
    assert (profile[0, :50] == 0.5).all()
    assert abs((profile[0, 50:] > 0).sum() - 105) < 4 * 8.6
    assert set(profile[0].tolist()) == {0.0, 0.5}


def test_the_generator_learns_only_through_what_is_shown():
    generator = constant_generator()
    model = gan(generator, masked_negatives=0.0)
    with tf.GradientTape() as tape:
        fake = model.fake_samples(batch([0]), SEED, training=True)
        loss = tf.reduce_sum(fake)
    gradient = tape.gradient(loss, generator.trainable_variables[1]).numpy()
    np.testing.assert_allclose(gradient, 0.25 * PROFILES[0])  # sigmoid'(0) = 1/4


def test_the_denoising_condition_hides_part_of_the_profile_and_adds_nothing():
    _, profile = shown(gan(echo_generator(400), data=wide(), drop=0.2, masked_negatives=1.0), [0])
    seen = (profile[0] > 0.9).nonzero()[0]
    # 50 items kept with chance .8: 40 expected, standard deviation sqrt(50 * .8 * .2) = 2.8
    assert set(seen) <= set(range(50)) and abs(len(seen) - 40) < 4 * 2.8


def test_the_condition_is_the_whole_profile_where_nothing_is_to_be_denoised():
    _, profile = shown(gan(echo_generator(), masked_negatives=1.0, drop=0.0))
    np.testing.assert_allclose(profile, np.where(PROFILES == 1, 1.0, 0.5), atol=1e-6)


def test_the_denoising_likelihood_is_that_of_a_hidden_item_among_what_is_not_visible():
    # equal logits: user 1's only item is visible (nothing to pay) or hidden (ln 5); user 2 has
    # 3 items: ln of the 5 - visible candidates, whatever the number hidden, 0 if none is
    model = gan(drop=0.5)
    found = {1: set(), 2: set()}
    for seed in range(24):
        for user, values in found.items():
            loss = model.reconstruction_loss(batch([user]), tf.constant([seed, 0]), training=True)
            values.add(round(float(loss), 4))
    assert found[1] == {0.0, round(math.log(5), 4)}
    assert found[2] == {round(math.log(n), 4) for n in (5, 4, 3)} | {0.0}


def test_the_denoising_likelihood_ignores_visible_items():
    # its gradient in the bias is chance - target over what is not visible, 0 where visible
    generator = constant_generator()
    model = gan(generator, drop=0.5)
    visible = set()
    for seed in range(8):
        with tf.GradientTape() as tape:
            loss = model.reconstruction_loss(batch([2]), tf.constant([seed, 0]), training=True)
        gradient = tape.gradient(loss, generator.trainable_variables[1]).numpy()
        untouched = set(np.flatnonzero(gradient == 0).tolist())
        assert untouched <= {0, 3, 4} or float(loss) == 0.0
        visible.add(len(untouched))
    assert len(visible) > 1


def test_a_user_without_items_costs_nothing_and_breaks_nothing():
    data = rows(ROWS, num_users=4)
    model = build_profile_gan(data, generator_hidden=(4,), discriminator_hidden=(3,))
    assert float(model.reconstruction_loss(batch([3]), SEED, training=True)) == 0.0
    assert np.isfinite(model.fake_samples(batch([3]), SEED, training=True)).all()


@pytest.mark.parametrize("loss", losses.GAN_LOSSES)
def test_every_loss_trains_two_steps_without_a_nan(loss):
    model = build_profile_gan(
        rows(),
        generator_hidden=(4,),
        discriminator_hidden=(3,),
        loss=AdversarialLoss(loss, critic_steps=2),
    )
    model.compile(d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.01))
    before = [value.copy() for value in model.generator.get_weights()]
    for data in batches.of_users(np.arange(3), batch_size=2, seed=0).dataset(0).take(2):
        logs = model.train_step(data)
    assert all(np.isfinite(value) for value in logs.values())
    assert all(np.isfinite(value).all() for value in model.get_weights())
    assert {int(step) for step in model.non_finite_step.values()} == {-1}
    assert any((a != b).any() for a, b in zip(before, model.generator.get_weights()))


def test_a_generator_that_gives_the_same_for_everyone_has_no_diversity():
    # Its conditions and masks differ between users, and must not count.
    model = gan(constant_generator(value=1.0))
    assert float(diversity(model.generated_samples(batch(), SEED))) == pytest.approx(0.0, abs=1e-6)
    # The echo gives 1 where the profile has an item and .5 elsewhere.
    echo = gan(echo_generator(), drop=0.0)
    expected_profiles = np.array([[2, 2, 1, 1, 1], [1, 1, 2, 1, 1], [2, 1, 1, 2, 2]]) / 2.0
    unit = expected_profiles / np.linalg.norm(expected_profiles, axis=1, keepdims=True)
    expected = 1.0 - np.mean(np.sum(unit * np.roll(unit, 1, axis=0), axis=1))
    assert float(diversity(echo.generated_samples(batch(), SEED))) == pytest.approx(expected, 1e-5)


def test_scores_are_the_logits_for_the_whole_profile():
    model = gan(echo_generator(), drop=0.5)
    np.testing.assert_allclose(model.scores(), 20 * PROFILES)
    np.testing.assert_allclose(model.score(tf.constant([2, 0])), 20 * PROFILES[[2, 0]])
    np.testing.assert_allclose(model(tf.constant(PROFILES[:1])), 20 * PROFILES[:1])


def test_users_are_ranked_by_the_rows_that_are_named():
    model, whole = gan(), rows()
    before = model.scores()
    model.rank_by(whole.select(whole.user_index != 0))
    np.testing.assert_array_equal(model.scores()[1:], before[1:])
    nobody = model.generator(tf.zeros([1, whole.num_items]))
    np.testing.assert_allclose(model.scores()[:1], nobody, atol=1e-6)


def test_noise_repeats_for_a_seed_and_differs_for_another():
    model = gan(data=wide(), masked_negatives=0.3)
    one, same, other = (
        model.fake_samples(batch([0]), tf.constant(seed), training=True).numpy()
        for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_networks_repeat_for_a_seed():
    one, same, other = (
        build_profile_gan(rows(), generator_hidden=(4,), discriminator_hidden=(3,), seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.scores(), same.scores())
    assert (one.scores() != other.scores()).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drop": 1.0}, "`drop` should be a fraction"),
        ({"drop": -0.1}, "`drop` should be a fraction"),
        ({"masked_negatives": 1.1}, "`masked_negatives` should be a fraction"),
        ({"drop": "0.5"}, "`drop` should be a fraction of 1. Received: '0.5'"),
        ({"reconstruction_weight": "1"}, "`reconstruction_weight` should be >= 0. Received: '1'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        gan(**settings)


def test_a_user_that_the_data_do_not_have_is_refused_in_training():
    model = gan()
    rates = {name: keras.optimizers.SGD(0.1) for name in ("d_optimizer", "g_optimizer")}
    model.compile(**rates, run_eagerly=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"hold indices in 0\.\.2"):
        model.fit(batches.of_users([99999], batch_size=1, seed=0), verbose=0)


def test_a_generator_learns_two_groups():
    pairs = [(u, 5 * (u // 5) + i) for u in range(10) for i in range(5) if i != u % 5]
    data = rows(pairs, num_users=10, num_items=10)
    model = build_profile_gan(data, generator_hidden=(8,), discriminator_hidden=(4,), drop=0.3)
    model.compile(d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.05))
    made = batches.of_users(np.arange(10), batch_size=10, seed=0)
    model.fit(made, epochs=40, verbose=0)
    frame = model.recommend(range(10), k=1)
    assert frame["item_id"].tolist() == [5 * (u // 5) + u % 5 for u in range(10)]
