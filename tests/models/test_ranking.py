import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.models.ranking import build_head, ranking_tower
from tests.worlds import interactions_of

PAIRS = [(0, 0), (0, 1), (1, 2), (2, 3)]


def rows(pairs=PAIRS, num_users=3, num_items=4, rating=None):
    return interactions_of(pairs, num_users, num_items, rating=rating)


def with_constant_head(model, value):
    """The model, whose head now puts out `value` whatever comes in."""
    kernel, _ = model.head.get_layer("output").get_weights()
    model.head.get_layer("output").set_weights([np.zeros_like(kernel), np.array([value], "f4")])
    return model


def batch(users, items, label=None, weight=None, seed=(0, 0)):
    made = {
        "user_index": tf.constant(users),
        "item_index": tf.constant(items),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }
    return made if label is None else {**made, "label": tf.constant(label, tf.float32)}


def small(data, **settings):
    return ranking_tower(data, embedding_dim=3, hidden=(4,), **settings)


def test_a_click_stands_beside_the_asked_for_number_of_zeros():
    # logit ln 3 for all: a one costs softplus(-ln 3) = ln(4/3), a zero softplus(ln 3) = ln 4
    for negatives in (1, 4):
        model = with_constant_head(small(rows(), negatives=negatives), math.log(3))
        expected = (math.log(4 / 3) + negatives * math.log(4)) / (1 + negatives)
        loss = model.compute_loss(batch([0, 1], [0, 2], weight=[1, 0.5]))
        assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("heard", [0, 1])
def test_the_zeros_of_a_click_have_its_user_and_its_weight(heard):
    # the other user has no weight: neither its row nor its zeros teach its tower
    model = small(rows())
    table = model.user_tower.trainable_variables[0]
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch([0, 1], [0, 2], weight=[1 - heard, heard]))
    gradient = tf.convert_to_tensor(tape.gradient(loss, table)).numpy()
    assert (gradient[heard] != 0).any() and (np.delete(gradient, heard, 0) == 0).all()


def test_the_zeros_repeat_for_a_seed():
    model = small(rows(num_items=50), seed=3)
    one, same, other = (
        float(model.compute_loss(batch([0, 1], [0, 2], seed=(s, 0)))) for s in (1, 1, 2)
    )
    assert one == same != other


def test_ratings_are_predicted_around_the_training_mean():
    # mean of 1, 2, 4, 5 is 3; a head of .5 predicts 3.5
    data = rows(rating=[1, 2, 4, 5])
    model = with_constant_head(small(data, objective="ratings"), 0.5)
    inputs = batch([0, 2], [1, 3], label=[2.0, 5.0], weight=[3, 1])
    np.testing.assert_allclose(model(inputs), [3.5, 3.5])
    # 1.5^2 = 2.25 for both;  then (3 * 2.25 + 1 * .25) / 4 for the ratings 2 and 4
    assert float(model.compute_loss(inputs)) == pytest.approx(2.25)
    inputs["label"] = tf.constant([2.0, 4.0])
    assert float(model.compute_loss(inputs)) == pytest.approx((3 * 2.25 + 0.25) / 4)


def test_the_ridge_counts_the_squares_of_what_was_looked_up():
    data = rows(rating=[1, 2, 4, 5])
    plain = small(data, objective="ratings", seed=1)
    ridge = small(data, objective="ratings", seed=1, l2=0.5)
    inputs = batch([0], [1], label=[2.0])
    vectors = np.concatenate(
        [plain.user_tower(tf.constant([0])), plain.item_tower(tf.constant([1]))]
    )
    difference = float(ridge.compute_loss(inputs) - plain.compute_loss(inputs))
    assert difference == pytest.approx(0.5 * float((vectors**2).sum()), rel=1e-3)


@pytest.mark.parametrize("objective", ["ratings", "clicks"])
def test_scores_of_the_catalogue_are_those_of_its_pairs(objective):
    model = small(rows(rating=[1, 2, 4, 5]), objective=objective, seed=2)
    scores = model.score(tf.constant([2, 0])).numpy()
    users, items = np.repeat([2, 0], 4).astype(np.int32), np.tile(np.arange(4, dtype=np.int32), 2)
    pairs = model(batch(users, items)).numpy()
    np.testing.assert_allclose(scores.ravel(), pairs, rtol=1e-5, atol=1e-6)
    assert scores.std() > 0
    predictions = model.predict_pairs(users, items)
    expected = pairs if objective == "ratings" else 1 / (1 + np.exp(-pairs))
    np.testing.assert_allclose(predictions, expected, rtol=1e-5)


def test_the_head_crosses_user_and_item():
    # x0 * (W x) + x with W = 1s: (1, 2) -> (1 * 3 + 1, 2 * 3 + 2), summed by the output: 12
    head = build_head(1, hidden=())
    cross, output = head.get_layer("cross"), head.get_layer("output")
    cross.set_weights([np.ones_like(w) if w.ndim == 2 else w * 0 for w in cross.get_weights()])
    output.set_weights([np.ones((2, 1)), np.zeros(1)])
    np.testing.assert_allclose(head(tf.constant([[1.0, 2.0]])), [12.0], rtol=1e-6)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="`objective` should be one of"):
        small(rows(), objective="views")
    with pytest.raises(ValueError, match="needs ratings"):
        small(rows(), objective="ratings")
    with pytest.raises(ValueError, match="`negatives` should be >= 1"):
        small(rows(), negatives=0)


def test_a_ranking_model_learns_who_likes_what_and_survives_its_weights(tmp_path):
    pairs = [(u, i) for u in range(6) for i in range(6)]
    rating = [5.0 if u // 3 == i // 3 else 1.0 for u, i in pairs]
    data = rows(pairs, num_users=6, num_items=6, rating=rating)

    def build(seed):
        return ranking_tower(data, objective="ratings", embedding_dim=4, hidden=(8,), seed=seed)

    model = build(1)
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    made = batches.of_pairs(data, batch_size=36, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=1, epochs=80, verbose=0)
    np.testing.assert_allclose(
        model.predict_pairs(data.user_index, data.item_index), rating, atol=0.5
    )
    model.save_weights(tmp_path / "weights")
    other = build(2)
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(
        other.predict_pairs(data.user_index, data.item_index),
        model.predict_pairs(data.user_index, data.item_index),
    )


# Context.

HOURS = pd.DataFrame({"hour": ["day", "night", "night", "day"], "wait": [1.0, 2.0, 3.0, 6.0]})


def in_context(**settings):
    data = dataclasses.replace(rows(rating=[1, 2, 4, 5]), context=HOURS)
    return data, small(data, objective="ratings", seed=1, **settings)


def test_a_pair_is_scored_in_its_context():
    data, model = in_context()
    at = [
        model.predict_pairs(np.array([0], "i4"), np.array([1], "i4"), HOURS.iloc[[row]])[0]
        for row in range(4)
    ]
    assert len(set(at)) == 4
    made = batches.of_pairs(data, batch_size=4, seed=0)
    inputs = next(iter(made.dataset(0)))
    user = model.user_tower(inputs["user_index"])
    item = model.item_tower(inputs["item_index"])
    context = model.context_tower({"hour": inputs["context/hour"], "wait": inputs["context/wait"]})
    expected = model.head(tf.concat([user, item, context], -1)) + 3  # the mean rating
    np.testing.assert_allclose(model(inputs), expected, rtol=1e-6)


def test_an_unknown_context_is_the_mean_of_those_of_training():
    _, model = in_context()
    mean = model.contexts.mean().numpy()
    each = model.contexts(model.contexts.encoded(HOURS))
    np.testing.assert_allclose(mean[0], np.mean(each, 0), rtol=1e-5)
    users, items = np.array([2, 0], "i4"), np.array([1, 3], "i4")
    joined = [model.user_tower(users), model.item_tower(items), np.repeat(mean, 2, 0)]
    expected = model.head(tf.concat(joined, -1)) + 3
    np.testing.assert_allclose(model.predict_pairs(users, items), expected, rtol=1e-6)
    scores = model.score(tf.constant([2, 0])).numpy()
    np.testing.assert_allclose(scores[[0, 1], [1, 3]], expected, rtol=1e-5)


def test_an_unknown_category_of_the_context_is_scored_too():
    _, model = in_context()
    strange = pd.DataFrame({"hour": ["noon", None], "wait": [np.nan, 1e6]})
    found = model.predict_pairs(np.array([0, 0], "i4"), np.array([1, 1], "i4"), strange)
    assert np.isfinite(found).all()
    with pytest.raises(ValueError, match="`context` should have the columns hour, wait. Missing"):
        model.predict_pairs(np.array([0], "i4"), np.array([1], "i4"), strange[["hour"]])


def test_the_zeros_of_a_click_have_its_context():
    data = dataclasses.replace(rows(), context=HOURS)
    model = small(data, seed=1)
    made = next(iter(batches.of_pairs(data, batch_size=4, seed=0).dataset(0)))
    weighted = {**made, "weight": tf.constant([1.0, 0, 0, 0])}
    with tf.GradientTape() as tape:
        loss = model.compute_loss(weighted)
    table = model.context_tower.get_layer("hour_embedding").embeddings
    gradient = tf.convert_to_tensor(tape.gradient(loss, table)).numpy()
    own = int(made["context/hour"][0])
    assert (gradient[own] != 0).any() and (np.delete(gradient, own, 0) == 0).all()


def test_a_batch_without_the_context_is_refused_and_a_context_can_be_left_out():
    _, model = in_context()
    with pytest.raises(ValueError, match="without context/hour, context/wait"):
        model.compute_loss(batch([0], [1], label=[2.0]))
    _, plain = in_context(use_context=False)
    assert plain.context_tower is None
    with pytest.raises(ValueError, match="`use_context` should be False"):
        small(rows(), use_context=True)
