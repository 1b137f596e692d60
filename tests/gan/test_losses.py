"""Both sides of each game, and the penalty of a critic."""

import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.gan import losses

LN3 = math.log(3)


def column(*values):
    return tf.constant(values, tf.float32)[:, None]


BY_HAND = [
    # softplus(-ln 3) + softplus(0) = ln(4/3) + ln 2;  -(softplus(0) + softplus(ln 3)) / 2
    ("minimax", [LN3], [0.0], math.log(8 / 3), [0.0, LN3], -(math.log(2) + math.log(4)) / 2),
    # the same;  (softplus(0) + softplus(-ln 3)) / 2
    ("non_saturating", [LN3], [0.0], math.log(8 / 3), [0.0, LN3], math.log(8 / 3) / 2),
    # ((3 - 1)^2 + 2^2) / 2;  ((2 - 1)^2 + (4 - 1)^2) / 2 / 2
    ("least_squares", [3.0], [2.0], 4.0, [2.0, 4.0], 2.5),
    # (1 - .5) + (1 - .25);  -(2 + 4) / 2
    ("hinge", [0.5], [-0.25], 1.25, [2.0, 4.0], -3.0),
    # (2 + 0) / 2 - (1 + 5) / 2;  -(2 + 4) / 2
    ("wasserstein", [1.0, 5.0], [2.0, 0.0], -2.0, [2.0, 4.0], -3.0),
]


@pytest.mark.parametrize(("name", "real", "fake", "d_loss", "written", "g_loss"), BY_HAND)
def test_both_sides_of_a_game_equal_the_values_worked_by_hand(
    name, real, fake, d_loss, written, g_loss
):
    game = losses.gan_loss(name)
    assert float(game.discriminator(column(*real), column(*fake))) == pytest.approx(d_loss, 1e-6)
    assert float(game.generator(column(*written))) == pytest.approx(g_loss, 1e-6)


def test_every_game_has_a_value_worked_by_hand():
    assert {row[0] for row in BY_HAND} == set(losses.GAN_LOSSES)


@pytest.mark.parametrize(
    ("name", "real", "fake"),
    [
        ("minimax", 100.0, -100.0),
        ("non_saturating", 100.0, -100.0),
        ("least_squares", 1.0, 0.0),
        ("hinge", 1.0, -1.0),
    ],
)
def test_a_discriminator_that_is_sure_and_right_pays_nothing(name, real, fake):
    loss = losses.gan_loss(name).discriminator(column(real), column(fake))
    assert float(loss) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "guessing"),
    [("minimax", 2 * math.log(2)), ("non_saturating", 2 * math.log(2)), ("hinge", 2.0)],
)
def test_a_discriminator_that_only_guesses_pays_what_a_coin_costs(name, guessing):
    loss = losses.gan_loss(name).discriminator(column(0.0), column(0.0))
    assert float(loss) == pytest.approx(guessing)


def test_a_critic_pays_for_differences_only():
    # -3 - 1 = -4, wherever the zero point lies
    for shift in (0.0, 50.0):
        loss = losses.WASSERSTEIN.discriminator(column(1.0 + shift), column(-3.0 + shift))
        assert float(loss) == pytest.approx(-4.0)


@pytest.mark.parametrize("name", losses.GAN_LOSSES)
def test_every_game_refuses_real_and_fake_of_different_shapes(name):
    with pytest.raises(ValueError, match="`real_logits` and `fake_logits`"):
        losses.gan_loss(name).discriminator(tf.zeros([3, 1]), tf.zeros([4, 1]))


def generator_gradient(name, logit):
    fake = column(logit)
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = losses.gan_loss(name).generator(fake)
    return tape.gradient(loss, fake).numpy().item()


def test_only_the_minimax_generator_learns_nothing_where_the_discriminator_is_sure():
    # d/df of -softplus(f) is -sigmoid(f), of softplus(-f) it is -sigmoid(-f); f = -20
    assert generator_gradient("minimax", -20.0) == pytest.approx(-math.exp(-20), rel=1e-3)
    assert generator_gradient("non_saturating", -20.0) == pytest.approx(-1.0, abs=1e-6)
    assert generator_gradient("least_squares", -20.0) == pytest.approx(-21.0)
    assert generator_gradient("hinge", -20.0) == generator_gradient("wasserstein", -20.0) == -1.0


@pytest.mark.parametrize("name", losses.GAN_LOSSES)
def test_every_generator_gains_by_looking_more_real(name):
    assert generator_gradient(name, -1.0) < 0


def test_only_wasserstein_asks_for_a_lipschitz_bound():
    assert [name for name, game in losses.GAN_LOSSES.items() if game.critic] == ["wasserstein"]


def test_an_unknown_game_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="hinge.*wasserstein.*Received: 'vanilla'"):
        losses.gan_loss("vanilla")


def linear(weights):
    weights = tf.constant(weights, tf.float32)[:, None]
    return lambda x: tf.matmul(x, weights)


def test_gradient_penalty_of_a_linear_critic_is_that_of_the_norm_of_its_weights():
    # |(3, 4)| = 5, (5 - 1)^2 = 16, wherever the points lie;  |(.6, .8)| = 1
    real, fake, mix = tf.ones([2, 2]), -tf.ones([2, 2]), column(0.1, 0.9)
    assert float(losses.gradient_penalty(linear([3, 4]), real, fake, mix)) == pytest.approx(16.0)
    unit = losses.gradient_penalty(linear([0.6, 0.8]), real, fake, mix)
    assert float(unit) == pytest.approx(0.0, abs=1e-6)


def test_gradient_penalty_is_taken_between_real_and_fake():
    # critic x^2 / 2 has gradient x; x = 4 mix: 1 -> 0, 3 -> 4, 4 -> 9
    real, fake = tf.constant([[4.0]] * 3), tf.zeros([3, 1])
    mix = column(0.25, 0.75, 1.0)
    loss = losses.gradient_penalty(lambda x: tf.square(x) / 2, real, fake, mix)
    assert float(loss) == pytest.approx(13 / 3, rel=1e-5)


def test_gradient_penalty_teaches_the_critic():
    # d/dw (|w| - 1)^2 = 2 (5 - 1) (.6, .8)
    weights = tf.Variable([[3.0], [4.0]])
    with tf.GradientTape() as tape:
        loss = losses.gradient_penalty(
            lambda x: tf.matmul(x, weights), tf.ones([2, 2]), tf.zeros([2, 2]), column(0.5, 0.5)
        )
    np.testing.assert_allclose(tape.gradient(loss, weights), [[4.8], [6.4]], rtol=1e-5)


def test_gradient_penalty_of_a_constant_critic_is_one_with_a_finite_gradient():
    weights = tf.Variable(tf.zeros([2, 1]))
    with tf.GradientTape() as tape:
        loss = losses.gradient_penalty(
            lambda x: tf.matmul(x, weights), tf.ones([2, 2]), tf.zeros([2, 2]), column(0.5, 0.5)
        )
    assert float(loss) == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(tape.gradient(loss, weights)).all()


def test_gradient_penalty_is_one_for_a_critic_that_does_not_read_its_input():
    loss = losses.gradient_penalty(
        lambda x: tf.zeros([2, 1]), tf.ones([2, 2]), tf.zeros([2, 2]), column(0.5, 0.5)
    )
    assert float(loss) == pytest.approx(1.0, abs=1e-5)


def test_gradient_penalty_refuses_real_and_fake_of_different_shapes():
    with pytest.raises(ValueError, match="`real` and `fake`"):
        losses.gradient_penalty(linear([1]), tf.zeros([2, 1]), tf.zeros([3, 1]), column(0.5))
