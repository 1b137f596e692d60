import numpy as np
import pytest

from advrec_tf.data.ties import TieRule, rank_of_ids
from tests.worlds import interactions_of


def test_an_unknown_rule_and_a_negative_seed_are_refused():
    data = interactions_of([(0, 0)])
    with pytest.raises(ValueError, match="`ties` should be one of hash, file, id. Received: 'x'"):
        data.with_ties("x")
    with pytest.raises(ValueError, match="`seed` should be >= 0"):
        TieRule(seed=-1)


def test_keys_ascend_as_the_rule_says():
    users, items = np.zeros(3, int), np.array([2, 0, 1])
    ids = (np.array(["u"], object), np.array(["b", "c", "a"], object))
    assert TieRule("file").keys(users, items, *ids).tolist() == [0, 1, 2]
    assert TieRule("id").keys(users, items, *ids).tolist() == [0, 1, 2]  # a, b, c
    one, other = (TieRule(seed=seed).keys(users, items, *ids) for seed in (0, 1))
    assert len(set(one.tolist()) | set(other.tolist())) == 6
    assert rank_of_ids(ids[1]).tolist() == [1, 2, 0]


def test_the_record_of_a_rule_names_the_seed_of_the_hash_alone():
    assert TieRule(seed=3).as_dict() == {"ties": "hash", "seed": 3}
    assert TieRule("id").as_dict() == {"ties": "id"}
