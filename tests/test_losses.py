import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf import losses

LN3 = math.log(3)


def column(*values):
    return tf.constant(values, tf.float32)[:, None]


def test_weighted_mean_equals_the_value_worked_by_hand():
    # (1 * 1 + 3 * 3) / (1 + 3) = 2.5
    values, weights = tf.constant([1.0, 3.0]), tf.constant([1.0, 3.0])
    assert float(losses.weighted_mean(values, weights)) == pytest.approx(2.5)
    assert float(losses.weighted_mean(values, None)) == pytest.approx(2.0)


def test_weighted_mean_is_zero_where_all_weights_are():
    assert float(losses.weighted_mean(tf.constant([1.0, 3.0]), tf.zeros(2))) == 0.0


def test_weighted_mean_refuses_another_shape():
    with pytest.raises(ValueError, match=r"`values` and `weights`.*\(2,\) and \(3,\)"):
        losses.weighted_mean(tf.zeros(2), tf.zeros(3))


def test_bpr_equals_the_value_worked_by_hand():
    # softplus(0 - ln 3) = ln(1 + 1/3) = ln(4/3);  softplus(ln 3 - 0) = ln 4
    loss = losses.bpr(tf.constant([LN3, 0.0]), tf.constant([0.0, LN3]))
    np.testing.assert_allclose(loss, [math.log(4 / 3), math.log(4)], rtol=1e-6)


def test_bpr_is_ln_2_for_equal_scores_and_nothing_for_a_wide_margin():
    loss = losses.bpr(tf.constant([7.0, 200.0]), tf.constant([7.0, 0.0]))
    np.testing.assert_allclose(loss, [math.log(2), 0.0], atol=1e-6)


def test_bpr_refuses_another_shape():
    with pytest.raises(ValueError, match="`positive_scores` and `negative_scores`"):
        losses.bpr(tf.zeros(2), tf.zeros(3))


def test_multinomial_equals_the_value_worked_by_hand():
    # exp of the logits: 1, 2 and nothing, so the chances are 1/3 and 2/3
    logits = tf.constant([[0.0, math.log(2), -1e9]] * 3)
    targets = tf.constant([[1.0, 0, 0], [1.0, 1, 0], [0.0, 0, 0]])
    expected = [math.log(3), math.log(3) + math.log(3 / 2), 0.0]
    np.testing.assert_allclose(losses.multinomial(logits, targets), expected, rtol=1e-6)


def test_multinomial_refuses_another_shape():
    with pytest.raises(ValueError, match="`logits` and `targets`"):
        losses.multinomial(tf.zeros([2, 3]), tf.zeros([2, 4]))


# The softmax against sampled candidates.


def sampled(positive, candidates, *, log_ratio=None, closed=None, **settings):
    candidates = tf.constant(candidates, tf.float32)
    return losses.sampled_softmax(
        tf.constant(positive, tf.float32),
        candidates,
        tf.zeros(candidates.shape[1]) if log_ratio is None else tf.constant(log_ratio, tf.float32),
        tf.zeros(candidates.shape, tf.bool) if closed is None else tf.constant(closed),
        **settings,
    )


def test_sampled_softmax_equals_the_value_worked_by_hand():
    # terms exp(ln 3) / 2 and exp(0) * 4, mean (3/2 + 4) / 2 = 11/4, over n - 1 = 4 others: 11;
    # against exp(ln 2) = 2: log(1 + 11 / 2)
    loss = sampled([math.log(2)], [[LN3, 0.0]], log_ratio=[math.log(2), -math.log(4)], num_items=5)
    assert float(loss[0]) == pytest.approx(math.log(13 / 2), rel=1e-6)


@pytest.mark.parametrize("num_candidates", [1, 3, 50])
@pytest.mark.parametrize("hardness", [0.0, 2.0])
def test_sampled_softmax_of_equal_scores_is_the_log_of_the_catalogue(num_candidates, hardness):
    loss = sampled(
        [7.0, -7.0],
        [[7.0] * num_candidates, [-7.0] * num_candidates],
        num_items=20,
        hardness=hardness,
    )
    np.testing.assert_allclose(loss, [math.log(20)] * 2, rtol=1e-5)


def test_sampled_softmax_over_all_other_items_is_the_exact_cross_entropy():
    # row b's positive is item b; its candidates the other items, each once
    scores = tf.random.stateless_normal([4, 6], [1, 2], stddev=3.0)
    others = [[i for i in range(6) if i != b] for b in range(4)]
    positive = tf.linalg.diag_part(scores)
    found = sampled(positive, tf.gather(scores, others, batch_dims=1), num_items=6)
    exact = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(4), scores)
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6)


def test_the_estimate_agrees_with_the_sum_whatever_the_items_are_drawn_by():
    # scores ln 1 .. ln 6 over 6 items, the positive item 0: the others sum to 20. Drawn from
    # the whole catalogue by q, the positive closed: E[exp loss] - 1 = 20 * (n - 1) / n
    q = np.array([0.3, 0.1, 0.2, 0.15, 0.2, 0.05])
    items = np.random.default_rng(0).choice(6, size=200_000, p=q)
    scores = np.log(np.arange(1, 7))
    loss = sampled(
        [0.0],
        scores[items][None],
        log_ratio=np.log(6 * q)[items],
        closed=(items == 0)[None],
        num_items=6,
    )
    assert math.exp(float(loss[0])) - 1 == pytest.approx(20 * 5 / 6, rel=0.02)


@pytest.mark.parametrize("hardness", [0.0, 1.5])
def test_closed_candidates_have_no_influence(hardness):
    closed = [[False, True, False, True]]
    settings = {"closed": closed, "num_items": 9, "hardness": hardness}
    scores = tf.Variable([[0.5, -3.0, 1.0, 2.0]])
    with tf.GradientTape() as tape:
        loss = losses.sampled_softmax(
            tf.constant([0.3]),
            scores,
            tf.zeros(4),
            tf.constant(closed),
            num_items=9,
            hardness=hardness,
        )
    changed = sampled([0.3], [[0.5, 80.0, 1.0, -80.0]], log_ratio=[0, -9, 0, 9], **settings)
    assert float(changed[0]) == pytest.approx(float(loss[0]), rel=1e-6)
    gradient = tape.gradient(loss, scores).numpy()[0]
    assert gradient[1] == gradient[3] == 0 and (gradient[[0, 2]] > 0).all()


@pytest.mark.parametrize("hardness", [0.0, 1.5])
def test_a_row_all_of_whose_candidates_are_closed_costs_nothing(hardness):
    positive = tf.Variable([0.3])
    with tf.GradientTape() as tape:
        loss = losses.sampled_softmax(
            positive,
            tf.ones([1, 2]),
            tf.zeros(2),
            tf.ones([1, 2], tf.bool),
            num_items=9,
            hardness=hardness,
        )
    assert float(loss[0]) == 0 and float(tape.gradient(loss, positive)[0]) == 0


def test_hardness_weighs_the_candidates_as_worked_by_hand():
    # exp(s) = 1, 3; beta 2: weights 2 * (1, 9) / 10, terms .2 * 1 + 1.8 * 3 = 5.6, their mean
    # 2.8 over 4 others is 11.2; without: (1 + 3) / 2 * 4 = 8
    for hardness, others in ((2.0, 11.2), (0.0, 8.0)):
        loss = sampled([0.0], [[0.0, LN3]], num_items=5, hardness=hardness)
        assert float(loss[0]) == pytest.approx(math.log(1 + others), rel=1e-6)
    # a closed one has no weight: 3 * (1, 9) / 10, mean of the 3 places (.3 + 8.1) / 3 = 2.8
    loss = sampled(
        [0.0], [[0.0, LN3, 50.0]], closed=[[False, False, True]], num_items=5, hardness=2.0
    )
    assert float(loss[0]) == pytest.approx(math.log(12.2), rel=1e-5)


def test_the_weights_of_the_hard_candidates_are_constant_to_the_gradient():
    # log(1 + others) with others = (.2 + 5.4) * 4 / 2 = 11.2: d/ds_j = term_j * 2 / 12.2
    scores = tf.Variable([[0.0, LN3]])
    with tf.GradientTape() as tape:
        loss = losses.sampled_softmax(
            tf.zeros(1), scores, tf.zeros(2), tf.zeros([1, 2], tf.bool), num_items=5, hardness=2.0
        )
    expected = [[0.2 * 2 / 12.2, 5.4 * 2 / 12.2]]
    np.testing.assert_allclose(tape.gradient(loss, scores), expected, rtol=1e-5)


def test_sampled_softmax_refuses_a_catalogue_of_one():
    with pytest.raises(ValueError, match="`num_items` should be >= 2. Received: 1"):
        sampled([0.0], [[0.0]], num_items=1)


@pytest.mark.parametrize("cells", [1, 25, 2**20])
def test_the_softmax_in_parts_is_the_whole_one_with_its_gradient(cells):
    rng = np.random.default_rng(0)
    states = tf.constant(rng.normal(size=(3, 4)), tf.float32)
    items = tf.constant(rng.normal(size=(10, 4)), tf.float32)
    targets, weights = tf.constant([1, 5, 5]), tf.constant([1.0, 0.5, 2.0])

    def whole(states, items):
        logits = tf.matmul(states, items, transpose_b=True)
        values = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_sum(values * weights)

    def parted(states, items):
        return losses.softmax_over_catalogue(states, items, targets, weights, cells=cells)

    found = []
    for function in (whole, tf.function(parted), tf.function(parted, jit_compile=True)):
        with tf.GradientTape() as tape:
            tape.watch([states, items])
            loss = 3.0 * function(states, items)
        found.append([loss, *tape.gradient(loss, [states, items])])
    for one, *others in zip(*found, strict=True):
        for other in others:
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("cells", "blocks"),  # of states, beside ten items each; the last is filled up
    [(1, [1, 1, 1]), (20, [2, 2]), (29, [2, 2]), (30, [3]), (2**40, [3])],
)
def test_a_block_holds_as_many_logits_as_cells_allow(monkeypatch, cells, blocks):
    made = []

    def matmul(one, other, **settings):
        if settings.get("transpose_b"):
            made.append(len(one))
        return multiply(one, other, **settings)

    multiply = tf.matmul
    monkeypatch.setattr(tf, "matmul", matmul)
    losses.softmax_over_catalogue(
        tf.ones([3, 2]), tf.ones([10, 2]), tf.zeros([3], tf.int32), tf.ones([3]), cells=cells
    )
    assert made == blocks


def test_large_scores_overflow_nowhere():
    states = tf.constant([[100.0], [-100.0]])
    items = tf.constant([[10.0], [-10.0], [0.0]])
    found = losses.softmax_over_catalogue(states, items, tf.constant([0, 0]), tf.ones([2]))
    np.testing.assert_allclose(found, 2000.0)  # 0 and 1000 - (-1000)


def test_an_empty_batch_costs_nothing():
    found = losses.softmax_over_catalogue(
        tf.zeros([0, 2]), tf.ones([3, 2]), tf.zeros([0], tf.int32), tf.zeros([0])
    )
    assert float(found) == 0.0


def test_the_calibration_goes_from_one_to_the_sampling_rate():
    # 1 of 4 others: a = 1/4.
    assert losses.calibration(1, 5, 0.0) == pytest.approx(1.0)
    assert losses.calibration(1, 5, 1.0) == pytest.approx(0.25)
    assert losses.calibration(1, 5, 0.75) == pytest.approx(0.4375)
    assert losses.calibration(50, 5, 0.75) == 1.0  # as many as there are


def test_relaxed_ranking_equals_the_value_worked_by_hand():
    # Scores ln 2 and 0, one other of 0: 2 / (2 + 1 + 1) and 1 / (1 + 1), so ln 2 at both places.
    loss = losses.relaxed_ranking(tf.constant([[math.log(2), 0.0]]), tf.constant([[0.0]]))
    assert float(loss[0]) == pytest.approx(math.log(2), rel=1e-6)
