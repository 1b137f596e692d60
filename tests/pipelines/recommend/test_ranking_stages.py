import numpy as np

from advrec_tf.pipelines.recommend.ranking_stages import with_unseen_negatives
from tests.worlds import interactions_of, split_of

TRAIN = interactions_of([(0, 0), (0, 1), (1, 0)], 2, 4)
TEST = interactions_of([(0, 2), (1, 1)], 2, 4)


def test_every_test_pair_has_an_item_beside_it_that_no_part_has():
    split = split_of(TRAIN, TEST)
    users, items, labels, _ = with_unseen_negatives(split, np.random.default_rng(0))
    assert users.tolist() == [0, 1, 0, 1] and labels.tolist() == [1, 1, 0, 0]
    assert items[:2].tolist() == [2, 1]
    assert items[2] == 3  # all that is left to user 0
    assert items[3] in (2, 3)


def test_a_user_who_has_everything_has_no_negative():
    train = interactions_of([(0, 0), (0, 1), (0, 3), (1, 0)], 2, 4)
    split = split_of(train, TEST)
    users, _, labels, rows = with_unseen_negatives(split, np.random.default_rng(0))
    assert users.tolist() == [0, 1, 1] and labels.tolist() == [1, 1, 0]
    assert rows.tolist() == [0, 1, 1]  # the context of the second test pair stands for its zero
