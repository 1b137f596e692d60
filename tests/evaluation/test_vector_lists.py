import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation import vector_lists
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.vectors import VectorRecommender

USERS, ITEMS, DIM = 13, 2600, 8


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Five users and 1,024 items at a time: both last blocks are shorter."""
    monkeypatch.setattr(vector_lists, "LEAST_CELLS", 0)
    monkeypatch.setattr(vector_lists, "_ITEMS", 1024)
    monkeypatch.setattr(vector_lists, "_USERS", 5)


def rows(pairs):
    return Interactions(
        user_index=pairs[:, 0].astype(np.int32),
        item_index=pairs[:, 1].astype(np.int32),
        users=Vocabulary(np.arange(USERS)),
        items=Vocabulary(np.arange(ITEMS)),
    )


@pytest.fixture(scope="module")
def world():
    """Train and test interactions; user 4 has nothing to find."""
    rng = np.random.default_rng(5)
    drawn = np.stack([rng.integers(0, USERS, 400), rng.integers(0, ITEMS, 400)], 1)
    drawn = np.unique(drawn, axis=0)
    test = rng.random(len(drawn)) < 0.3
    test &= drawn[:, 0] != 4
    return rows(drawn[~test]), rows(drawn[test])


def vectors_of(train, *, whole=False, items=None):
    rng = np.random.default_rng(6)

    def drawn(count):
        made = rng.normal(size=(count, DIM)).astype(np.float32)
        return np.round(made) if whole else made

    return VectorRecommender(
        user_vectors=drawn(USERS),
        item_vectors=drawn(ITEMS) if items is None else items,
        unknown_user=np.zeros(DIM, np.float32),
        interactions=train,
    )


def both(evaluator, model):
    """Results by vectors and by whole rows of scores."""
    assert evaluator._by_vectors.takes(model, evaluator.users)
    return evaluator.evaluate(model), evaluator.evaluate(lambda users: model.score(users))


def assert_equal(found, expected):
    np.testing.assert_array_equal(found.top_items, expected.top_items)
    for name, values in expected.per_user.items():
        # a division may differ in its last digit
        np.testing.assert_allclose(found.per_user[name], values, rtol=2e-7, err_msg=name)
    assert found.metrics == pytest.approx(expected.metrics, rel=1e-6)


@pytest.mark.parametrize("whole", [False, True])
def test_figures_and_lists_are_those_of_whole_rows(world, whole):
    # vectors of whole numbers have many equal scores
    evaluator = RankingEvaluator(*world, ks=(3, 30))
    assert_equal(*both(evaluator, vectors_of(world[0], whole=whole)))


def test_a_model_that_says_nothing_finds_nothing(world):
    evaluator = RankingEvaluator(*world, ks=(5,))
    model = vectors_of(world[0], items=np.zeros((ITEMS, DIM), np.float32))
    found, expected = both(evaluator, model)
    assert_equal(found, expected)
    assert found.metrics["hit_rate@5"] == 0.0


def test_users_whose_expected_scores_are_not_those_of_the_product_are_ranked_again(
    world, monkeypatch
):
    evaluator = RankingEvaluator(*world, ks=(5,))
    by_vectors, prepared = evaluator._by_vectors, evaluator._by_vectors._prepare

    def off(queries, users, items):
        seen, relevant, scores, below, best = prepared(queries, users, items)
        return seen, relevant, scores + 1, below + 1, best + 1

    monkeypatch.setattr(by_vectors, "_prepare", off)
    assert_equal(*both(evaluator, vectors_of(world[0])))


def test_vectors_whose_products_may_overflow_are_left_to_whole_rows(world):
    evaluator = RankingEvaluator(*world, ks=(5,))
    model = vectors_of(world[0], items=np.full((ITEMS, DIM), 3e37, np.float32))
    assert not evaluator._by_vectors.takes(model, evaluator.users)


def test_little_work_is_not_worth_compiling(world, monkeypatch):
    monkeypatch.setattr(vector_lists, "LEAST_CELLS", 10**6)
    evaluator = RankingEvaluator(*world, ks=(5,))
    assert not evaluator._by_vectors.takes(vectors_of(world[0]), evaluator.users)


def test_a_product_and_the_scores_of_relevant_items_stay_below_the_bound(world, monkeypatch):
    evaluator = RankingEvaluator(*world, ks=(5,))
    wanted = np.bincount(world[1].user_index, minlength=USERS)[evaluator.users].mean()
    monkeypatch.setattr(vector_lists, "_CELLS", int(9.5 * wanted))
    lists = vector_lists.VectorLists(evaluator._lists)
    lists._size = 1
    # 3 users have 3 * 3 * wanted scores of relevant items, 4 have 16 * wanted
    assert lists._users_at_once(evaluator.users) == 3


def test_above_counts_every_place_of_a_row():
    values = tf.reshape(tf.range(22, dtype=tf.float32), [2, 11])
    # above 2.5 are 3..10; above 20 is 21
    assert vector_lists._above(values, tf.constant([2.5, 20.0])).numpy().tolist() == [8.0, 1.0]
