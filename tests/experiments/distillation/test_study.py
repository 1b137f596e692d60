import gzip

import numpy as np
import pytest

from advrec_tf.models.vectors import VectorRecommender
from experiments.distillation import study


@pytest.fixture
def split(tmp_path):
    texts = {"train": "0 0 1 2\n1 3 4\n", "valid": "0 5\n", "test": "0 6\n1 599\n"}
    for name, text in texts.items():
        with gzip.open(tmp_path / f"{name}.txt.gz", "wt") as file:
            file.write(text)
    return study.read(tmp_path)


def test_the_files_become_a_split(split):
    assert list(zip(split.train.user_index, split.train.item_index)) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 3),
        (1, 4),
    ]
    assert (split.train.num_users, split.train.num_items) == (2, 600)


def test_negatives_are_distinct_items_that_the_user_does_not_have(split):
    found = study.sampled_negatives(split)
    assert found.shape == (2, 499)
    for own, known in zip(found, ({0, 1, 2, 5, 6}, {3, 4, 599})):
        assert len(set(own)) == 499 and not set(own) & known


def test_the_rank_among_the_negatives_gives_the_metrics(split):
    items = np.zeros([600, 1], np.float32)
    items[[6, 599]] = 1.0  # both targets
    negatives = np.tile(np.arange(7, 506, dtype=np.int32), (2, 1))
    items[7:9] = 2.0  # two above each: N@5 is 1 / log2(4)
    items[500] = 1.0  # a tie counts against: 1 / log2(5)
    model = VectorRecommender(
        user_vectors=np.ones([2, 1], np.float32),
        item_vectors=items,
        unknown_user=np.zeros(1, np.float32),
        interactions=split.train,
    )

    found = study.sampled_metrics(model, split, negatives)
    assert found["ndcg@5"] == pytest.approx(1 / np.log2(5))
    assert found["hit_rate@5"] == 1.0


def test_controls_have_the_form_of_the_teachers_lists(split):
    lists = np.tile(np.arange(10, 20, dtype=np.int32), (2, 1))
    found = study.control_lists(split.train, lists, seed=0)
    assert [one.shape for one in found.values()] == [(2, 10)] * 3


def test_a_tenth_is_fewer_dimensions_or_int8_of_as_many_bytes():
    # 20 * 4 bytes; int8 rows have a scale of 2 bytes.
    few, narrow = study.tenths(200)
    assert (few.dim, few.tables, few.bytes) == (20, "float32", 80)
    assert (narrow.dim, narrow.tables, narrow.bytes) == (78, "int8", 80)


def test_vectors_are_cut_to_the_nearest_products():
    # The product is diag(3, 2, 1): two dimensions keep 3 and 2.
    users, items = study.cut(np.diag([3.0, 2.0, 1.0]), np.eye(3), 2)
    assert users.shape == items.shape == (3, 2)
    np.testing.assert_allclose(users @ items.T, np.diag([3.0, 2.0, 0.0]), atol=1e-9)


@pytest.mark.slow
def test_every_model_has_a_row_and_every_seed_a_value(split):
    rows = study.run(split, dim=110, epochs=1, weight=1.0, seeds=1, log=lambda line: None)
    assert [row["dim"] for row in rows] == [110, *[11] * 6, *[42] * 3]
    assert all(row["bytes"] <= 44 for row in rows[1:])
    assert all(len(row["ndcg@5"]) == len(row["full ndcg@10"]) == 1 for row in rows)
