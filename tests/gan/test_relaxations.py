import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.gan.relaxations import gumbel, straight_through_choice, straight_through_set


def test_a_drawn_set_has_exactly_the_asked_for_number_of_the_largest_entries():
    perturbed = tf.constant([[3.0, 1.0, 2.0, 0.0]] * 5)
    drawn = straight_through_set(perturbed, tf.constant([0, 1, 2, 3, 4]), 1.0).numpy()
    expected = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    np.testing.assert_allclose(drawn, expected, atol=1e-6)


def test_a_drawn_set_learns_by_the_sigmoid_around_the_cut():
    # two of (2, 1, 0) cut at (1 + 0) / 2: slopes s(1 - s) / .5 with s = sigmoid((x - .5) / .5)
    perturbed = tf.constant([[2.0, 1.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(perturbed)
        drawn = tf.reduce_sum(straight_through_set(perturbed, tf.constant([2]), 0.5))
    slopes = []
    for x in (2.0, 1.0, 0.0):
        s = 1 / (1 + math.exp(-(x - 0.5) / 0.5))
        slopes.append(s * (1 - s) / 0.5)
    np.testing.assert_allclose(tape.gradient(drawn, perturbed).numpy()[0], slopes, rtol=1e-5)


def test_a_choice_is_one_hot_forwards_and_a_softmax_backwards():
    # softmax(ln 3, 0) = (3/4, 1/4): d p_0 / d x_0 = 3/4 * 1/4 = 3/16
    perturbed = tf.constant([[math.log(3.0), 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(perturbed)
        chosen = straight_through_choice(perturbed, tf.constant([0]), 1.0)
        first = chosen[0, 0]
    np.testing.assert_allclose(chosen.numpy(), [[1.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(tape.gradient(first, perturbed), [[3 / 16, -3 / 16]], rtol=1e-5)


def test_logits_with_gumbel_noise_are_largest_by_the_softmax():
    # chances 3/4 and 1/4; of 4,000 draws 3,000 with deviation sqrt(4000 * 3/16) = 27
    noise = gumbel([4000, 2], tf.constant([1, 2]))
    first = tf.argmax(noise + tf.constant([math.log(3.0), 0.0]), axis=1).numpy() == 0
    assert abs(first.sum() - 3000) < 4 * 27


def test_gumbel_noise_repeats_for_a_seed():
    one, same, other = (gumbel([3], tf.constant([seed, 0])).numpy() for seed in (1, 1, 2))
    assert one == pytest.approx(same) and (one != other).any()
