import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.sequential.networks import (
    SequenceSampler,
    before,
    build_sequence_discriminator,
    build_sequence_generator,
    checked_start,
    closed_tokens,
    items_of,
    tokens_of,
)

LENGTH, ITEMS = 4, 5
POPULARITY = np.log(np.array([1.0, 2.0, 3.0, 4.0, 5.0])).astype(np.float32)


@pytest.fixture(scope="module")
def generator():
    return build_sequence_generator(POPULARITY, LENGTH, dim=8, attribute_width=2, seed=1)


def logits(generator, tokens, attributes=(1.0, 0.0)):
    known = np.array([attributes] * len(tokens), np.float32)
    return generator({"tokens": np.array(tokens, np.int32), "attributes": known}).numpy()


def test_what_comes_later_changes_no_earlier_place(generator):
    one, other = logits(generator, [[0, 1, 2, 3], [0, 1, 5, 4]])
    np.testing.assert_allclose(one[:2], other[:2], atol=1e-6)
    assert np.abs(one[2] - other[2]).max() > 1e-5


def test_places_and_attributes_are_told_apart(generator):
    (one,) = logits(generator, [[1, 1, 1, 1]])
    assert np.abs(one[1] - one[2]).max() > 1e-5
    (other,) = logits(generator, [[1, 1, 1, 1]], (0.0, 1.0))
    assert np.abs(one - other).max() > 1e-5


def test_the_bias_starts_at_popularity_and_none_at_its_least(generator):
    np.testing.assert_allclose(generator.get_layer("next_token").bias, [0.0, *POPULARITY])


def test_items_and_tokens_are_ways_there_and_back():
    assert tokens_of([[0, 4, -1]]).tolist() == [[1, 5, 0]]
    assert items_of([[1, 5, 0]]).tolist() == [[0, 4, -1]]
    assert before(tf.constant([[3, 2, 1]])).numpy().tolist() == [[0, 3, 2]]


def test_closed_are_nothing_at_first_items_after_the_end_and_what_was_there():
    closed = closed_tokens(tf.constant([[2, 0, 0]]), 3, repeats=False).numpy()[0]
    assert closed.tolist() == [[True, False, False], [False, False, True], [False, True, True]]
    closed = closed_tokens(tf.constant([[2, 0, 0]]), 3, repeats=True).numpy()[0]
    assert closed.tolist() == [[True, False, False], [False, False, False], [False, True, True]]


def drawn(generator, *, repeats, start=((),) * 64, seed=1):
    start = tf.constant(np.array(start, np.int32).reshape(64, -1))
    noise = tf.random.stateless_uniform([64, LENGTH, ITEMS + 1], [seed, 0], maxval=20.0)
    known = {"attributes": tf.tile([[1.0, 0.0]], [64, 1])}
    return SequenceSampler(generator).draw(known, start, noise, repeats=repeats).numpy()


def test_drawn_sequences_keep_the_rules_of_closed_tokens(generator):
    for repeats in (False, True):
        tokens = drawn(generator, repeats=repeats)
        closed = closed_tokens(tf.constant(tokens), ITEMS + 1, repeats=repeats).numpy()
        assert not np.take_along_axis(closed, tokens[:, :, None], axis=2).any()
    # with noise far above the logits, 64 sequences of 4 out of 5 items repeat unless kept from it
    items = [row[row > 0] for row in tokens]
    assert any(len(set(row)) < len(row) for row in items)


def test_start_items_are_kept_and_not_drawn_again(generator):
    tokens = drawn(generator, repeats=False, start=[[2, 5]] * 64)
    assert (tokens[:, :2] == [2, 5]).all() and not np.isin(tokens[:, 2:], [2, 5]).any()


def test_without_noise_the_likeliest_is_taken(generator):
    noise = tf.zeros([1, LENGTH, ITEMS + 1])
    known = {"attributes": tf.constant([[1.0, 0.0]])}
    start = tf.zeros([1, 0], tf.int32)
    tokens = SequenceSampler(generator).draw(known, start, noise, repeats=False).numpy()
    for place in range(LENGTH):
        scores = logits(generator, before(tf.constant(tokens)).numpy())[0, place]
        scores[list({0} if place == 0 else set(tokens[0, :place]))] = -np.inf
        assert tokens[0, place] == scores.argmax()


def test_the_discriminator_tells_the_order_of_places():
    discriminator = build_sequence_discriminator(ITEMS + 1, LENGTH, dim=8, attribute_width=2)
    rows = tf.reshape(tf.one_hot([[1, 2, 3, 4], [4, 3, 2, 1]], ITEMS + 1), [2, -1])
    one, other = discriminator(tf.concat([rows, tf.zeros([2, 2])], axis=1)).numpy()[:, 0]
    assert abs(one - other) > 1e-6
    known = discriminator(tf.concat([rows, tf.ones([2, 2])], axis=1)).numpy()[:, 0]
    assert abs(one - known[0]) > 1e-6


def test_starts_that_do_not_fit_are_refused():
    assert checked_start(None, 2, ITEMS, LENGTH).shape == (2, 0)
    assert checked_start([1, 2], 2, ITEMS, LENGTH).tolist() == [[1, 2], [1, 2]]
    with pytest.raises(ValueError, match=r"given < 4. Received shape: \(2, 4\)"):
        checked_start([0, 1, 2, 3], 2, ITEMS, LENGTH)
    with pytest.raises(ValueError, match="item indices in 0..4. Received: 0..5"):
        checked_start([0, 5], 2, ITEMS, LENGTH)
