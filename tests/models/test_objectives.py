import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.factorization import samplers
from advrec_tf.models.factorization.negatives import DNS, Generator, InBatch, Uniform
from advrec_tf.models.objectives import BPR, SampledSoftmax
from tests.worlds import interactions_of

DATA = interactions_of([(0, 0), (0, 1), (1, 2)], 2, 4)


def test_bpr_compares_each_positive_with_its_own_negative():
    # scores ln 3 against 0 and 0 against 0: softplus(-ln 3) = ln(4/3) and ln 2
    vectors = {
        "user": tf.ones([2, 1]),
        "positive": tf.constant([[math.log(3)], [0.0]]),
        "negative": tf.zeros([2, 1]),
    }
    found = BPR().bind(DATA).example_losses(vectors, {})
    np.testing.assert_allclose(found, [math.log(4 / 3), math.log(2)], rtol=1e-6)


def test_the_softmax_compares_each_positive_with_all_open_candidates():
    # temperature 1/2: the positive at ln 2, candidates at 0 and -inf-like closed. One open of two
    # places: softplus(log(1/2) + log(4 - 1) - 2 ln 2) = ln(1 + 3/8)
    vectors = {
        "user": tf.ones([1, 1]),
        "positive": tf.constant([[math.log(2)]]),
        "negative": tf.constant([[0.0], [9.0]]),
    }
    inputs = {"log_ratio": tf.zeros(2), "closed": tf.constant([[False, True]])}
    found = SampledSoftmax(temperature=0.5).bind(DATA).example_losses(vectors, inputs)
    np.testing.assert_allclose(found, [math.log(11 / 8)], rtol=1e-5)


def test_known_positives_leave_the_candidates_where_it_is_asked_for():
    # user 0 has items 0 and 1, user 1 item 2; candidates are 0, 1, 2
    data = interactions_of([(0, 0), (0, 1), (1, 2)], 2, 4)
    inputs = {
        "user_index": tf.constant([0, 0, 1]),
        "item_index": tf.constant([0, 1, 2]),
        "seed": tf.constant([0, 0]),
    }
    plain, masked = (
        SampledSoftmax(InBatch(), mask_known=masks).bind(data).draw(inputs, None, {})["closed"]
        for masks in (False, True)
    )
    assert plain.numpy().tolist() == np.eye(3, dtype=bool).tolist()
    assert masked.numpy().tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, True],
    ]


def test_cosines_are_dot_products_of_vectors_of_length_one():
    vectors = tf.constant([[3.0, 4.0]])
    plain, cosine = (SampledSoftmax(cosine=c).bind(DATA).scored(vectors) for c in (False, True))
    np.testing.assert_array_equal(plain, vectors)
    np.testing.assert_allclose(cosine, [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BPR("dns"), "`negatives` of BPR should be one of Uniform, .* Received: 'dns'"),
        (lambda: SampledSoftmax(DNS()), "`negatives` of SampledSoftmax should be .* Received: DNS"),
        (lambda: SampledSoftmax(Generator()), "`negatives` of SampledSoftmax should be one of"),
        (lambda: SampledSoftmax(candidates=1), "`candidates` should be >= 2 or None. Received: 1"),
        (lambda: SampledSoftmax(temperature=0.0), "`temperature` should be > 0. Received: 0.0"),
        (lambda: SampledSoftmax(hardness=-1.0), "`hardness` should be >= 0. Received: -1.0"),
    ],
)
def test_settings_that_make_no_sense_cannot_be_built(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_objectives_are_values():
    assert BPR() == BPR(Uniform()) and hash(BPR(DNS(3))) == hash(BPR(DNS(3)))
    assert SampledSoftmax(InBatch()) != SampledSoftmax()
    with pytest.raises(dataclasses.FrozenInstanceError):
        BPR().negatives = DNS()


def test_a_table_of_known_pairs_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(samplers, "MAX_PAIR_TABLE_BYTES", 0)
    with pytest.raises(ValueError, match="`mask_known` should be used with a table"):
        SampledSoftmax(mask_known=True).bind(DATA)
    SampledSoftmax().bind(DATA)
