import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential import objectives
from advrec_tf.models.sequential.objectives import BinaryCrossEntropy, FullSoftmax
from tests.worlds import interactions_of_histories


def inputs_of(targets):
    count = len(targets)
    return {
        "item_index": tf.constant(targets, tf.int32),
        "user_index": tf.zeros([count], tf.int32),
        "weight": tf.constant([1.0, 2.0, 1.0][:count]),
        "seed": tf.constant([1, 2], tf.int32),
    }


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    states = tf.constant(rng.normal(size=(3, 4)), tf.float32)
    items = tf.constant(rng.normal(size=(10, 4)), tf.float32)
    return states, items


def lookup(items):
    return lambda index, shared=False: items if index is None else tf.gather(items, index)


def bound(objective):
    return objectives.bind(objective, interactions_of_histories([1, 2, 3], [4, 5]))


def test_the_full_softmax_is_the_cross_entropy_of_all_items(parts):
    states, items = parts
    logits = states.numpy() @ items.numpy().T
    by_hand = np.log(np.exp(logits).sum(1)) - logits[np.arange(3), [1, 5, 9]]
    found = bound(FullSoftmax()).total(states, inputs_of([1, 5, 9]), lookup(items))
    np.testing.assert_allclose(found, by_hand @ [1, 2, 1], rtol=1e-5)


def test_one_negative_is_that_of_sasrec(parts):
    states, items = parts
    inputs = inputs_of([1, 5, 9])
    drawn = []

    def noted(index):
        drawn.append(index.numpy())
        return tf.gather(items, index)

    found = bound(BinaryCrossEntropy()).total(states, inputs, noted)
    positive, negative = ((states.numpy() * items.numpy()[index]).sum(1) for index in drawn)
    own = (drawn[1] == drawn[0]).astype(float)
    values = np.log1p(np.exp(-positive)) + (1 - own) * np.log1p(np.exp(negative))
    np.testing.assert_allclose(found, (values / (2 - own)) @ [1, 2, 1], rtol=1e-5)


def test_gbce_takes_its_power_from_the_sampling_rate(parts):
    loss = bound(BinaryCrossEntropy(negatives=3, calibrated=0.75))
    # 3 of 9 other items: a = 1/3; a (t (1 - 1/a) + 1/a) = (.75 * (1 - 3) + 3) / 3 = .5
    assert loss.power == pytest.approx(0.5)
    states, items = parts
    assert float(loss.total(states, inputs_of([1, 5, 9]), lookup(items))) > 0


def test_the_sampled_softmax_comes_near_the_full_one(parts):
    states, items = parts
    full = bound(FullSoftmax()).total(states, inputs_of([1, 5, 9]), lookup(items))
    sampled = bound(SampledSoftmax(candidates=4000))
    found = sampled.total(states, inputs_of([1, 5, 9]), lookup(items))
    np.testing.assert_allclose(found, full, rtol=0.05)


def test_other_objectives_are_refused():
    with pytest.raises(ValueError, match="`objective` should be a FullSoftmax"):
        objectives.require_sequence_objective("softmax")
    with pytest.raises(ValueError, match="`cells` should be >= 1"):
        FullSoftmax(cells=0)
    with pytest.raises(ValueError, match="`num_negatives` should be >= 1"):
        BinaryCrossEntropy(negatives=0)
