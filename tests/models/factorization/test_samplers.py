import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.factorization import samplers
from advrec_tf.models.factorization.negatives import (
    DNS,
    ByPopularity,
    Generator,
    InBatch,
    Mixed,
    Uniform,
)
from tests.worlds import interactions_of

# Items 0 to 4 have 8, 1, 0, 4 and 0 rows.
COUNTS = np.array([8, 1, 0, 4, 0])
DATA = interactions_of([(u, i) for i, n in enumerate(COUNTS) for u in range(n)], 8, 5)


def shares(items, num_items=5):
    return np.bincount(items, minlength=num_items) / len(items)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("draw", ["one_each", "shared"])
def test_popular_items_are_drawn_in_proportion_to_a_power_of_their_rows(draw, exponent):
    # 20,000 draws: the standard error of a share is at most .5 / sqrt(20,000) = .0035
    sampler = ByPopularity(exponent).sampler(DATA)
    if draw == "one_each":
        drawn = sampler.one_each(tf.zeros(20_000, tf.int32), tf.constant([3, 4])).numpy()
    else:
        drawn = sampler.shared(tf.zeros(7, tf.int32), 20_000, tf.constant([3, 4]))[0].numpy()
    weights = np.where(COUNTS > 0, COUNTS.astype(float) ** exponent, 0.0)
    np.testing.assert_allclose(shares(drawn), weights / weights.sum(), atol=0.015)
    assert set(drawn) == {0, 1, 3}  # never an item without rows


def test_the_alias_table_holds_the_probabilities_exactly():
    for counts in ([8, 1, 0, 4, 0], [1] * 7, [1000, 1, 1, 0], np.arange(50) ** 2):
        probability = np.array(counts, float) / np.sum(counts)
        threshold, other = samplers.alias_table(probability)
        # a place is met with 1 / n and gives itself with its threshold, else its other
        given = threshold / len(counts)
        np.add.at(given, other, (1 - threshold) / len(counts))
        np.testing.assert_allclose(given, probability, atol=1e-12)
        assert (threshold >= 0).all() and (threshold <= 1 + 1e-12).all()


def test_uniform_negatives_come_from_the_whole_catalogue_alike():
    sampler = Uniform().sampler(DATA)
    one_each = sampler.one_each(tf.zeros(20_000, tf.int32), tf.constant([3, 4])).numpy()
    shared = sampler.shared(tf.zeros(7, tf.int32), 20_000, tf.constant([3, 4]))[0].numpy()
    for drawn in (one_each, shared):
        np.testing.assert_allclose(shares(drawn), [0.2] * 5, atol=0.015)


def test_an_in_batch_negative_is_another_rows_positive():
    # items name their positions
    sampler = InBatch().sampler(DATA)
    for size in (2, 3, 7):
        seen = set()
        for s in range(40):
            drawn = sampler.one_each(tf.range(size), tf.constant([s, -s])).numpy()
            assert sorted(drawn) == list(range(size))  # each positive serves once
            assert (drawn != np.arange(size)).all()
            seen.add(int(drawn[0]))
        assert seen == set(range(1, size))  # and any other position can come


def test_half_of_the_mixed_negatives_are_in_batch_and_half_uniform():
    # positives are item 4 alone, so the even places hold it and the odd ones what is uniform
    sampler = Mixed().sampler(DATA)
    drawn = sampler.one_each(tf.fill([20_000], 4), tf.constant([3, 4])).numpy()
    assert set(drawn[::2]) == {4}
    np.testing.assert_allclose(shares(drawn[1::2]), [0.2] * 5, atol=0.015)


@pytest.mark.parametrize("settings", [Uniform(), ByPopularity(), InBatch(), Mixed()])
def test_draws_repeat_for_a_seed_and_are_the_same_compiled(settings):
    sampler = settings.sampler(DATA)
    items = tf.range(50) % 5
    compiled = tf.function(sampler.one_each, jit_compile=True)
    compiled_shared = tf.function(lambda i, s: sampler.shared(i, 50, s), jit_compile=True)
    one, same, other = (sampler.one_each(items, tf.constant([s, 7])).numpy() for s in (1, 1, 2))
    assert (one == same).all() and (one != other).any()
    np.testing.assert_array_equal(compiled(items, tf.constant([1, 7])), one)
    shared, log_ratio = sampler.shared(items, 50, tf.constant([1, 7]))
    found, found_ratio = compiled_shared(items, tf.constant([1, 7]))
    np.testing.assert_array_equal(found, shared)
    np.testing.assert_allclose(found_ratio, log_ratio, rtol=1e-5, atol=1e-6)


def test_candidates_are_uniform_and_known_pairs_are_closed():
    sampler = DNS(2000).sampler(DATA)
    # user 0 has items 0, 1 and 3, user 5 item 0 alone
    items, is_open = sampler.candidates(tf.constant([0, 5]), tf.constant([3, 4]))
    items, is_open = items.numpy(), is_open.numpy()
    for row, closed in ((0, {0, 1, 3}), (1, {0})):
        np.testing.assert_allclose(shares(items[row]), [0.2] * 5, atol=0.05)
        assert set(items[row][~is_open[row]]) == closed
        assert set(items[row][is_open[row]]) == set(range(5)) - closed


def test_the_log_ratio_of_popularity_is_that_of_its_power():
    # q = (8, 1, 4)^.5 / (8^.5 + 1 + 2) over items 0, 1, 3;  log(5 q)
    sampler = ByPopularity(0.5).sampler(DATA)
    items, log_ratio = sampler.shared(tf.zeros(3, tf.int32), 200, tf.constant([1, 2]))
    total = math.sqrt(8) + 1 + 2
    by_item = {0: math.sqrt(8) / total, 1: 1 / total, 3: 2 / total}
    expected = [math.log(5 * by_item[item]) for item in items.numpy()]
    np.testing.assert_allclose(log_ratio, expected, rtol=1e-5)
    assert len(set(items.numpy())) == 3


def test_the_log_ratio_of_uniform_candidates_is_nothing():
    items, log_ratio = Uniform().sampler(DATA).shared(tf.zeros(3, tf.int32), 6, tf.constant([1, 2]))
    assert items.shape == (6,)
    np.testing.assert_array_equal(log_ratio, np.zeros(6))


def test_the_log_ratio_in_batch_is_that_of_the_rows():
    # 8, 1 and 4 of 13 rows, 5 items: 5 * 8 / 13 and so on
    items, log_ratio = (
        InBatch().sampler(DATA).shared(tf.constant([3, 0, 1, 0]), None, tf.constant([1, 2]))
    )
    assert items.numpy().tolist() == [3, 0, 1, 0]
    np.testing.assert_allclose(log_ratio, np.log(np.array([20, 40, 5, 40]) / 13), rtol=1e-5)


def test_a_generated_positive_without_a_real_row_counts_as_one_row():
    # item 4 is in the batch through a generated pair: 5 * 1 / 13 rather than log 0
    _, log_ratio = InBatch().sampler(DATA).shared(tf.constant([0, 4]), None, tf.constant([1, 2]))
    np.testing.assert_allclose(log_ratio, np.log([40 / 13, 5 / 13]), rtol=1e-5)


def test_the_log_ratio_of_a_mixed_set_is_that_of_the_mixture():
    # 2 of 6 places are uniform: 5 q = 2/3 * 5 * rows / 13 + 1/3
    sampler = Mixed().sampler(DATA)
    items, log_ratio = sampler.shared(tf.constant([3, 0, 1, 0]), 2, tf.constant([1, 2]))
    items = items.numpy()
    assert items[:4].tolist() == [3, 0, 1, 0] and len(items) == 6
    np.testing.assert_allclose(log_ratio, np.log(2 / 3 * 5 * COUNTS[items] / 13 + 1 / 3), rtol=1e-5)
    tails = [
        sampler.shared(tf.zeros(4, tf.int32), 2, tf.constant([s, 0]))[0][4:] for s in range(400)
    ]
    np.testing.assert_allclose(shares(np.concatenate(tails)), [0.2] * 5, atol=0.08)


def test_in_batch_candidates_can_be_the_first_so_many_positives():
    items, log_ratio = (
        InBatch().sampler(DATA).shared(tf.constant([3, 0, 1, 0]), 2, tf.constant([1, 2]))
    )
    assert items.numpy().tolist() == [3, 0]
    np.testing.assert_allclose(log_ratio, np.log(np.array([20, 40]) / 13), rtol=1e-5)


def test_a_batch_of_one_has_no_in_batch_negative_and_is_refused():
    one, seed = tf.constant([3]), tf.constant([1, 2])
    for draw in (
        lambda: InBatch().sampler(DATA).one_each(one, seed),
        lambda: InBatch().sampler(DATA).shared(one, None, seed),
        lambda: Mixed().sampler(DATA).one_each(one, seed),
    ):
        with pytest.raises(ValueError, match="`batch_size` should be >= 2 .* Received a batch of"):
            draw()
    items, _ = Mixed().sampler(DATA).shared(one, 4, seed)  # the uniform ones are there
    assert len(items) == 5


@pytest.mark.parametrize("settings", [DNS(), Generator()])
def test_a_catalogue_too_large_for_the_table_of_known_pairs_is_refused(settings, monkeypatch):
    # 8 x 5 pairs take 5 bytes
    monkeypatch.setattr(samplers, "MAX_PAIR_TABLE_BYTES", 4)
    name = type(settings).__name__
    with pytest.raises(ValueError, match=f"`{name}` should .* at most 4 bytes.* needs 5"):
        settings.sampler(DATA)
    Uniform().sampler(DATA)
    monkeypatch.setattr(samplers, "MAX_PAIR_TABLE_BYTES", 5)
    settings.sampler(DATA)
