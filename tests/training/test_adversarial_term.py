import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial_term import (
    AdversarialTerm,
    Evaluation,
    mean_radius_and_norm,
    with_gradients,
)

SEED = tf.constant([0, 0])


def square(calls):
    """|value|^2 at (3, 4), whose gradient by its only parameter, the value, is 2 value; the part
    that is attacked weighs half."""
    value = tf.constant([[3.0, 4.0]])

    def evaluate(deltas=None, *, attacked, parameters):
        calls.append((deltas is not None, attacked, parameters))
        moved = value + (0.0 if deltas is None else deltas[0])
        factor = 0.5 if attacked else 1.0
        return Evaluation(
            loss=factor * tf.reduce_sum(moved**2),
            gradients=[factor * 2 * moved] if parameters else [],
            values=[value],
            value_gradients=[factor * 2 * moved],
            masks=[None],
        )

    return evaluate


def test_the_step_follows_the_clean_loss_and_the_loss_at_the_worst_case():
    calls = []
    term = AdversarialTerm(perturbation=fgsm(1.0, relative=False), weight=2.0)
    found = term.gradients(square(calls), SEED, 0)
    # the clean loss is 25 here; the attacked evaluation is half of 6^2 at (3.6, 4.8)
    assert float(found.clean_loss) == 25 and float(found.adversarial_loss) == pytest.approx(18)
    assert float(found.loss) == pytest.approx(25 + 2 * 18)
    np.testing.assert_allclose(found.gradients[0], [[6 + 2 * 3.6, 8 + 2 * 4.8]], rtol=1e-6)
    assert calls == [(False, False, True), (True, True, True)]
    assert (float(found.radius), float(found.value_norm)) == pytest.approx((1.0, 5.0))


def test_the_radius_that_is_told_is_that_of_the_scales_given():
    term = AdversarialTerm(perturbation=fgsm(1.0, relative=False))
    found = term.gradients(square([]), SEED, 0, scales=[tf.constant([[0.5]])])
    # half a step along (3, 4) leads to (3.3, 4.4), of length 5.5, of which half the square counts
    assert float(found.adversarial_loss) == pytest.approx(5.5**2 / 2)
    assert (float(found.radius), float(found.value_norm)) == pytest.approx((0.5, 5.0))


@pytest.mark.parametrize(("summed", "factor"), [(False, 0.5), (True, 1.0)])
def test_a_fraction_of_a_mean_counts_by_its_size_and_that_of_a_sum_has_its_size(summed, factor):
    calls = []
    term = AdversarialTerm(perturbation=fgsm(1.0, relative=False), fraction=0.5, summed=summed)
    found = term.gradients(square(calls), SEED, 0)
    assert float(found.loss) == pytest.approx(25 + factor * 18)
    assert calls == [(False, False, True), (False, True, False), (True, True, True)]


def test_before_the_end_of_the_warm_up_the_adversary_counts_for_nothing():
    term = AdversarialTerm(perturbation=fgsm(1.0, relative=False), warmup_steps=3)
    for step, loss in ((0, 25), (2, 25), (3, 25 + 18)):
        found = term.gradients(square([]), SEED, tf.constant(step, tf.int64))
        assert float(found.loss) == pytest.approx(loss)
        np.testing.assert_allclose(
            found.gradients[0], [[6, 8]] if loss == 25 else [[9.6, 12.8]], rtol=1e-6
        )


def test_no_weight_or_no_budget_is_no_term():
    assert not AdversarialTerm(perturbation=fgsm(1.0, relative=False), weight=0.0)
    assert not AdversarialTerm(perturbation=fgsm(0.0, relative=False))
    assert AdversarialTerm(perturbation=fgsm(0.1, relative=False))


def test_mean_radius_and_norm_count_the_vectors_that_may_move():
    values, mask = [tf.constant([[3.0, 4.0], [6.0, 8.0]])], [tf.constant([[0, 0], [1, 0]])]
    found = mean_radius_and_norm(values, fgsm(0.1, relative=True))
    assert [float(v) for v in found] == pytest.approx([0.75, 7.5])
    found = mean_radius_and_norm(values, fgsm(0.25, relative=False), mask)
    assert [float(v) for v in found] == pytest.approx([0.25, 6.0])


def test_known_gradients_are_handed_on_sparse_ones_as_sparse_ones():
    table, bias, idle = tf.Variable(tf.ones([3, 2])), tf.Variable(5.0), tf.Variable(1.0)
    rows = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([2, 2]), [3, 2])
    with tf.GradientTape() as tape:
        loss = 2.0 * with_gradients(
            tf.constant(7.0), [table, bias, idle], [rows, tf.constant(0.5), None]
        )
    assert float(loss) == 14.0
    by_table, by_bias, by_idle = tape.gradient(loss, [table, bias, idle])
    assert isinstance(by_table, tf.IndexedSlices) and by_idle is None
    np.testing.assert_array_equal(tf.convert_to_tensor(by_table), [[0, 0], [0, 0], [8, 12]])
    assert float(by_bias) == 1.0
