import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data import splits
from advrec_tf.data.next_item import queries_of, queries_of_sessions
from advrec_tf.evaluation.next_item import NextItemEvaluator
from tests.worlds import interactions_of


class AfterLast:
    """Scores item (last + 1) highest, then (last + 2) and so on, in a ring."""

    def __init__(self, num_items, seen=None):
        self.num_items, self.seen = num_items, [] if seen is None else seen

    def score_history(self, histories):
        self.seen.append(histories.numpy())
        steps = (tf.range(self.num_items)[None, :] - histories[:, -1:]) % self.num_items
        return -tf.cast(steps, tf.float32)


@pytest.fixture(scope="module")
def evaluator(split):
    return NextItemEvaluator(queries_of(split), split.train, ks=(1, 2))


@pytest.fixture(scope="module")
def split():
    """User 0: 0, 1 | 2 | 4; user 1: 3 | 4, 2 in one day's time; five items."""
    pairs = [(0, 0), (0, 1), (0, 2), (0, 4), (1, 3), (1, 4), (1, 2)]
    days = 86_400 * np.array([1, 1.1, 2, 3, 1, 9, 9]) + 1e9
    return splits.last_day(interactions_of(pairs, 2, 5, timestamp=days))


def test_histories_are_ranked_with_their_items_left_out(evaluator):
    seen = []
    found = evaluator.evaluate(AfterLast(5, seen))
    # Query 0, history 0 1 2: candidates 3, 4 in this order, target 4 at rank 2.
    # Query 1, history 3: 4, 0, 1, 2 in this order, targets 4 and 2 at ranks 1 and 4.
    assert found.per_user["hit_rate@1"].tolist() == [0, 1]
    assert found.per_user["recall@2"].tolist() == [1, 0.5]
    first = 1 / math.log2(3)
    assert found.per_user["ndcg@2"] == pytest.approx([first, 1 / (1 + first)])
    assert found.users.tolist() == [0, 1]
    assert np.concatenate(seen).tolist() == [[0, 1, 2], [-1, -1, 3]]


def test_a_model_of_the_same_items_in_another_order_is_refused(split, evaluator):
    model = AfterLast(5)
    model.interactions = split.train
    assert evaluator.evaluate(model).users.tolist() == [0, 1]
    model.interactions = interactions_of([(0, 0)], users=["another"], items=split.train.items.ids)
    assert evaluator.evaluate(model).users.tolist() == [0, 1]  # histories are what it is asked by
    turned = split.train.items.ids[::-1]
    model.interactions = interactions_of([(0, 0)], users=["another"], items=turned)
    with pytest.raises(ValueError, match="`model`, AfterLast, should have the items"):
        evaluator.evaluate(model)


def test_targets_that_training_never_saw_are_counted(split, evaluator):
    # train holds 0, 1 and 3; of the targets 4, 4 and 2 none is there
    assert evaluator.never_seen == 1.0
    evaluator = NextItemEvaluator(queries_of(split), split.trainval())
    assert evaluator.never_seen == pytest.approx(2 / 3)


def test_histories_are_cut_to_the_length_asked_for(split):
    seen = []
    evaluator = NextItemEvaluator(queries_of(split), split.train, ks=(2,), length=1)
    found = evaluator.evaluate(AfterLast(5, seen))
    assert np.concatenate(seen).tolist() == [[2], [3]]
    assert found.per_user["recall@2"].tolist() == [1, 0.5]  # what is left out stays the same


def test_a_model_without_histories_is_asked_by_user(evaluator):
    def score(user_index):
        return tf.one_hot(tf.gather([4, 2], user_index), 5)

    found = evaluator.evaluate(score)
    assert found.per_user["hit_rate@1"].tolist() == [1, 1]


def test_targets_in_their_history_are_ranked_with_repeats_and_counted_without():
    sessions = interactions_of([(0, 1), (0, 1), (0, 2), (1, 3), (1, 4)], 2, 5)
    queries, model = queries_of_sessions(sessions), AfterLast(5)
    evaluator = NextItemEvaluator(queries, sessions, ks=(1, 2), repeats=True)
    # After 1 comes 1 again (rank 1 by the ring's step 0), after 1 1 comes 2, after 3 comes 4.
    assert evaluator.evaluate(model).per_user["hit_rate@1"].tolist() == [1, 0, 0]
    assert evaluator.evaluate(model).per_user["map@2"].tolist() == [1, 0.5, 0.5]
    assert evaluator.targets_in_history == 0
    without = NextItemEvaluator(queries, sessions, ks=(1,))
    assert without.targets_in_history == 1
    assert without.evaluate(model).users.tolist() == [1, 2]
    assert without.evaluate(model).metrics["hit_rate@1"] == 1.0


def test_the_tail_is_that_of_the_training_interactions(evaluator):
    # One of five items is the head: by training counts item 0 of three equals; listed are 3 and 4.
    assert evaluator.evaluate(AfterLast(5)).metrics["long_tail_share@1"] == 1.0


def test_what_cannot_be_evaluated_is_refused(split, evaluator):
    queries = queries_of(split)
    with pytest.raises(ValueError, match="Received 5 items beside 6"):
        NextItemEvaluator(queries, interactions_of([(0, 0)], 2, 6))
    with pytest.raises(ValueError, match="`length` should be >= 1. Received: 0"):
        NextItemEvaluator(queries, split.train, length=0)
    again = queries_of_sessions(interactions_of([(0, 1), (0, 1)], 1, 2))
    with pytest.raises(ValueError, match="1 targets that all do; `repeats=True` ranks them"):
        NextItemEvaluator(again, interactions_of([(0, 1)], 1, 2))
    with pytest.raises(ValueError, match=r"AfterLast should return \[2, 5\]"):
        evaluator.evaluate(AfterLast(4))
