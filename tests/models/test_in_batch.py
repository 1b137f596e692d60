import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.in_batch import InBatchSoftmax
from advrec_tf.ops.distinct import distinct
from tests.worlds import interactions_of

# Item counts 3, 2, 1, 1, 0 of 7 rows.
ROWS = [(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 1), (3, 3)]
DATA = interactions_of(ROWS, num_users=4, num_items=5)


def softmax(**settings):
    settings = {"temperature": 1.0, "logq": False, "mask_known": False, **settings}
    return InBatchSoftmax(DATA, **settings)


def vectors(*scores):
    return tf.constant([[score] for score in scores], tf.float32)


def test_an_item_in_two_places_counts_twice_among_the_negatives():
    # user 3 of item 3 against item 0 in two places: all scores 0, so that the loss is
    # ln(1 + 2) for it, and for users of item 0, whose other place is hidden, ln(1 + 1)
    users, items = tf.constant([3, 1, 2]), tf.constant([3, 0, 0])
    found = distinct(items, 3)
    losses = softmax().over_items(vectors(1, 1, 1), vectors(0, 0, 0), users, *found, items < 0)
    np.testing.assert_allclose(losses, np.log([3.0, 2.0, 2.0]), rtol=1e-6)


def test_a_place_that_is_left_over_counts_for_nothing():
    # size 5 for two items: the places left over repeat item 3, with a vector that would win
    users, items = tf.constant([3, 1]), tf.constant([3, 0])
    found = distinct(items, 5)
    assert found.values.numpy().tolist() == [0, 3, 3, 3, 3]
    losses = softmax().over_items(vectors(1, 1), vectors(0, 0, 9, 9, 9), users, *found, items < 0)
    np.testing.assert_allclose(losses, np.log([2.0, 2.0]), rtol=1e-6)


def test_an_example_without_a_negative_that_counts_costs_nothing():
    # user 0 has items 0 and 1, all there is
    users, items = tf.constant([0, 0]), tf.constant([0, 1])
    found = distinct(items, 2)
    losses = softmax(mask_known=True).over_items(
        vectors(1, 1), vectors(2, 3), users, *found, items < 0
    )
    np.testing.assert_array_equal(losses, [0.0, 0.0])


def test_the_mean_log_probability_is_over_the_items_of_the_interactions():
    # shares 3, 2, 1, 1 of 7; the item without a row is left out
    expected = np.log([3 / 7, 2 / 7, 1 / 7, 1 / 7]).mean()
    assert softmax(logq=True).mean_log_probability == pytest.approx(expected, rel=1e-6)
    assert softmax().mean_log_probability == 0.0


class Counts:
    """Interactions of which nothing is known but how many are of each item."""

    def __init__(self, *counts):
        self.counts = np.array(counts)

    def __len__(self):
        return int(self.counts.sum())

    def item_counts(self):
        return self.counts


@pytest.mark.parametrize("form", ["places", "items"])
def test_items_of_two_and_one_among_millions_are_corrected_by_their_counts(form):
    # All scores 0, users of the items 1 (twice), 2 (once) and 3 (never, which counts as half):
    # the logits are -ln 2, -ln 1 and -ln .5 but for a constant, so that exp gives 1/2, 1 and 2
    made = InBatchSoftmax(Counts(4_000_000, 2, 1, 0), temperature=0.5, logq=True, mask_known=False)
    users, items = tf.constant([0, 1, 2]), tf.constant([1, 2, 3])
    given = (vectors(1, 1, 1), vectors(0, 0, 0), users)
    if form == "places":
        losses = made.over_places(*given, items, items < 0)
    else:
        losses = made.over_items(*given, *distinct(items, 3), items < 0)
    np.testing.assert_allclose(losses, np.log([7.0, 3.5, 7 / 4]), rtol=1e-5)
    batch = {"item_index": items, "generated": items < 0}
    logits = made.negative_logits(vectors(1, 1, 1), vectors(0, 0, 0), batch)
    np.testing.assert_allclose(logits[0, 2] - logits[0, 1], np.log(2.0), rtol=1e-5)
    # Of a generated pair of the item 2 the correction is that of the mean q, 3.5 / 3: exp gives
    # 1/2 and 2 for the others, and 3 / 3.5 for its own.
    if form == "places":
        losses = made.over_places(*given, items, items == 2)
        np.testing.assert_allclose(losses[1], np.log(1 + 2.5 * 3.5 / 3), rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="`temperature` should be > 0"):
        softmax(temperature=temperature)
