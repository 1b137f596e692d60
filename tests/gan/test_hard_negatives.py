import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.gan.hard_negatives import (
    DNSFactorization,
    HardNegatives,
    Observed,
    build_scorer,
    hardest_negative_loss,
)

SEED = tf.constant([5, 6])


def rows(pairs, num_users, num_items):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


def biases(values, num_users=1):
    """A scorer that gives every user these scores: factors zero, biases `values`."""
    scorer = build_scorer(num_users, len(values), dim=1)
    zeros = [np.zeros((num_users, 1)), np.zeros((1, len(values)))]
    scorer.set_weights([*zeros, np.array(values)])
    return scorer


def batch(users=(0,), seed=(5, 6), weight=None):
    return {
        "user_index": tf.constant(users),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def test_observed_items_are_drawn_uniformly_from_the_users_own():
    observed = Observed(rows([(0, 1), (0, 3), (0, 4), (1, 2)], 3, 6))
    users = tf.constant([1, 0, 2])
    drawn = observed.draw(users, 3000, SEED).numpy()
    assert set(drawn[0]) == {2}
    shares = np.bincount(drawn[1], minlength=6) / 3000
    np.testing.assert_allclose(shares, [0, 1 / 3, 0, 1 / 3, 1 / 3, 0], atol=0.026)
    np.testing.assert_array_equal(observed.counts(users), [1, 3, 0])
    profile = [[0, 0, 1, 0, 0, 0], [0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(observed.profile(users), profile)


def test_the_negative_is_the_hardest_of_those_drawn_that_is_not_the_users_own():
    # positive item 0 (score 1); of {2: 2, 3: 3} the hardest is 3: softplus(3 - 1). Item 1 (score 5)
    # is the user's own: of {1, 2} it is 2: softplus(2 - 1). Of {1, 0} nothing is left.
    scores, profile = tf.constant([[1.0, 5.0, 2.0, 3.0]]), tf.constant([[1.0, 1.0, 0.0, 0.0]])
    drawn = tf.constant([[[2, 3], [1, 2], [1, 0]]])
    loss = hardest_negative_loss(scores, tf.constant([[0, 0, 0]]), drawn, profile)
    expected = [[math.log1p(math.exp(2)), math.log1p(math.exp(1)), 0]]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_a_positive_without_a_negative_has_a_gradient_of_zero():
    scores = tf.constant([[1.0, 5.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = hardest_negative_loss(
            scores, tf.constant([[0]]), tf.constant([[[1, 1]]]), tf.ones([1, 2])
        )
    np.testing.assert_array_equal(tape.gradient(loss, scores), [[0, 0]])


def test_users_weigh_by_their_positives_in_the_ranking_loss():
    # Scores 0, 1, 2, 3 for everybody; the one negative drawn for each positive is item 3 unless
    # own, so user 0 {0} pays softplus(3), and user 1 {0, 1, 2} the mean of softplus(3, 2, 1).
    data = rows([(0, 0), (1, 0), (1, 1), (1, 2)], 2, 4)
    model = DNSFactorization(data, dim=1, hard_negatives=HardNegatives(candidates=60, samples=9000))
    model.scorer.set_weights(biases([0.0, 1.0, 2.0, 3.0], 2).get_weights())
    sp = [math.log1p(math.exp(x)) for x in (3, 2, 1)]
    first, second = sp[0], sum(sp) / 3
    loss = model.compute_loss(batch([0, 1]))
    assert float(loss) == pytest.approx((first + 3 * second) / 4, abs=0.02)
    loss = model.compute_loss(batch([0, 1], weight=[6, 1]))
    assert float(loss) == pytest.approx((6 * first + 3 * second) / 9, abs=0.02)


def test_counts_below_one_are_refused():
    for name in ("candidates", "samples"):
        with pytest.raises(ValueError, match=f"`{name}` should be >= 1. Received: 0"):
            HardNegatives(**{name: 0})
    with pytest.raises(ValueError, match="`dim` should be >= 1. Received: 0"):
        DNSFactorization(rows([(0, 0)], 1, 2), dim=0)
