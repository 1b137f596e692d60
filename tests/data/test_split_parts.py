import dataclasses

import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.data.split_parts import Split, cut
from advrec_tf.data.vocabulary import Vocabulary
from tests.worlds import interactions_of, pairs_of


def grid(num_users, num_items):
    return interactions_of([(u, i) for u in range(num_users) for i in range(num_items)])


def test_a_cut_puts_each_interaction_into_one_part_by_its_masks():
    data = grid(2, 2)
    masks = [False, True, False, False], [False, False, False, True]
    split = cut("mine", data, *map(np.array, masks), {"why": 1})
    assert pairs_of(split.train) == [(0, 0), (1, 0)]
    assert pairs_of(split.validation) == [(0, 1)] and pairs_of(split.test) == [(1, 1)]
    assert split.name == "mine" and split.settings == {"why": 1}
    assert pairs_of(split.everything()) == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_trainval_is_train_then_validation():
    split = splits.last_item(
        interactions_of([(0, 3), (0, 2), (0, 1), (0, 0)], timestamp=[4, 3, 2, 1])
    )
    whole = split.trainval()
    assert pairs_of(whole) == [(0, 1), (0, 0), (0, 2)]
    assert whole.timestamp.tolist() == [2, 1, 3]


def test_parts_with_other_vocabularies_are_no_split():
    train, test = grid(2, 3), grid(2, 4)
    with pytest.raises(ValueError, match="`validation` should have the items.*4 items beside 3"):
        Split(name="x", train=train, validation=test, test=train)
    other = dataclasses.replace(train, users=Vocabulary([1, 0]))
    with pytest.raises(ValueError, match="`test` should have the users.*another order"):
        Split(name="x", train=train, validation=train, test=other)
