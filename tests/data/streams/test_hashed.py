import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from advrec_tf.data.streams.hashed import BucketCounter, HashedVocabulary


def counted(values, buckets, repeats=1):
    counter = BucketCounter(HashedVocabulary(buckets))
    for _ in range(repeats):
        counter.add(np.arange(len(values), dtype=np.int32), pa.array(values))
    return counter


def test_an_id_has_the_bucket_that_a_graph_finds_for_its_text():
    vocabulary = HashedVocabulary(100)
    expected = tf.strings.to_hash_bucket_fast(["17", "x"], 100).numpy().tolist()
    assert vocabulary.index_of(["17", "x"]).tolist() == expected
    assert vocabulary.index_of(np.array([17])).tolist() == expected[:1]
    assert len(vocabulary) == 100 and len(vocabulary.index_of([])) == 0
    with pytest.raises(ValueError, match="no ids to list"):
        _ = vocabulary.ids
    with pytest.raises(ValueError, match="`buckets` should be >= 2"):
        HashedVocabulary(1)


def test_shared_buckets_are_counted_exactly_whatever_the_number_of_blocks():
    ids = [f"id{n}" for n in range(30)]
    buckets = HashedVocabulary(20).index_of(ids)
    members = np.bincount(buckets, minlength=20)
    for repeats in (1, 3):  # an id that comes again does not collide with itself
        found = counted(ids, 20, repeats).collisions()
        assert found.used == (members > 0).sum() and found.shared == (members > 1).sum()
        assert found.rows_in_shared == pytest.approx(members[members > 1].sum() / 30)


def test_the_expected_share_follows_the_number_of_ids():
    # With 300 ids in 1,000 buckets an id shares one with probability 1 - .999^299 = .259.
    found = counted(list(range(300)), 1000).collisions()
    assert found.ids == pytest.approx(300, rel=0.1)
    assert found.expected == pytest.approx(0.259, abs=0.03)
    assert "1,000 buckets" in str(found) and "expected to share one" in str(found)


def test_buckets_that_are_all_used_leave_the_number_of_ids_open():
    found = counted(list(range(200)), 2).collisions()
    assert found.ids == np.inf and found.expected == 1.0 and found.shared == 2
