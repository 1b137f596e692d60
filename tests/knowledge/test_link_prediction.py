import numpy as np
import pytest

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.knowledge.link_prediction import LinkPredictionEvaluator


def graph_of(triples, num_entities=4, num_relations=1):
    columns = np.array(triples, np.int32).reshape(-1, 3)
    return KnowledgeGraph(
        heads=columns[:, 0],
        relations=columns[:, 1],
        tails=columns[:, 2],
        entities=Vocabulary([f"e{i}" for i in range(num_entities)]),
        relation_names=Vocabulary([f"r{i}" for i in range(num_relations)]),
        item_entity=np.zeros(0, np.int32),
    )


class Table:
    """Scores of (head, relation, tail) by an array of that shape."""

    def __init__(self, scores):
        self.scores = np.array(scores, np.float32)

    def score_tails(self, head, relation):
        return self.scores[head.numpy(), relation.numpy()]

    def score_heads(self, relation, tail):
        return self.scores[:, relation.numpy(), tail.numpy()].T


# scores[h][0][t], four entities
SCORES = np.array([[9, 8, 7, 7], [1, 5, 4, 3], [2, 6, 6, 8], [3, 4, 7, 0]])[:, None, :]
TRAIN = graph_of([(0, 0, 0), (2, 0, 3)])
TEST = graph_of([(0, 0, 2), (0, 0, 1)])
# (0, r, 2): of the tails 9 8 7 7, known 0 and 1 go; the tie with 3 counts against it: rank 2.
#   of the heads 7 4 6 7 none is known; 3 ties: rank 2.
# (0, r, 1): of the tails, known 0 and 2 go; rank 1. Of the heads 8 5 6 4: rank 1.


def test_ranks_and_metrics_on_a_graph_of_four_entities_are_those_worked_by_hand():
    found = LinkPredictionEvaluator(TRAIN, TEST, ks=(1, 2)).evaluate(Table(SCORES))
    np.testing.assert_array_equal(found.ranks, [[2, 2], [1, 1]])
    assert found.metrics["mrr"] == found.metrics["head_mrr"] == 0.75
    assert (found.metrics["hits@1"], found.metrics["hits@2"]) == (0.5, 1.0)
    assert found.metrics["tail_hits@1"] == 0.5
    assert found.metrics["mean_rank"] == 1.5
    assert found.facts_per_second > 0


def test_without_the_other_answers_the_rank_is_lower_by_them():
    # of (0, r, 2): 9 was the training fact's, 8 the other test fact's
    ranks = [
        LinkPredictionEvaluator(train, TEST.select(rows)).evaluate(Table(SCORES)).ranks[0]
        for train, rows in ((TRAIN, [0, 1]), (TRAIN, [0]), (graph_of([(2, 0, 3)]), [0]))
    ]
    np.testing.assert_array_equal(ranks, [[2, 2], [2, 3], [2, 4]])


def test_validation_facts_are_masked_where_they_are_given():
    # (3, r, 2) ties with the head of (0, r, 2); (0, r, 3) with its tail
    known = graph_of([(3, 0, 2), (0, 0, 3)])
    found = LinkPredictionEvaluator(TRAIN, TEST, also_known=known).evaluate(Table(SCORES))
    np.testing.assert_array_equal(found.ranks, [[1, 1], [1, 1]])


def test_the_two_sides_are_told_apart_and_so_are_relations():
    # scores count up by head, relation and tail; the test fact (1, 1, 0) of 3 entities:
    # tails 6 + 3 + (0, 1, 2): rank 3. heads (0, 6, 12) + 3: rank 2; a known (2, 0, 0) does not
    # mask (2, 1, 0), a known (2, 1, 0) does
    scores = np.arange(18).reshape(3, 2, 3)
    for known, ranks in (((2, 0, 0), [2, 3]), ((2, 1, 0), [1, 3]), ((1, 1, 2), [2, 2])):
        found = LinkPredictionEvaluator(
            graph_of([known], 3, 2), graph_of([(1, 1, 0)], 3, 2)
        ).evaluate(Table(scores))
        np.testing.assert_array_equal(found.ranks, [ranks])


def test_a_model_that_scores_all_alike_ranks_last():
    found = LinkPredictionEvaluator(TRAIN, TEST).evaluate(Table(np.zeros([4, 1, 4])))
    # of the four tails one other is open, of the heads three others
    np.testing.assert_array_equal(found.ranks, [[4, 2], [4, 2]])


def test_blocks_do_not_change_the_ranks():
    rng = np.random.default_rng(0)
    every = rng.permutation(30 * 2 * 30)[:120]
    triples = np.stack(np.unravel_index(every, (30, 2, 30)), 1)
    train, test = graph_of(triples[:70], 30, 2), graph_of(triples[70:], 30, 2)
    scores = rng.integers(0, 20, (30, 2, 30)).astype(np.float32)
    evaluator = LinkPredictionEvaluator(train, test)
    assert evaluator._block == 50
    evaluator._block = 16  # three blocks and a bit
    ranks = evaluator.evaluate(Table(scores)).ranks
    known = {tuple(triple) for triple in triples}
    for (h, r, t), (head_rank, tail_rank) in zip(triples[70:], ranks, strict=True):
        own = scores[h, r, t]
        tails = [e for e in range(30) if (h, r, e) not in known and scores[h, r, e] >= own]
        heads = [e for e in range(30) if (e, r, t) not in known and scores[e, r, t] >= own]
        assert (head_rank, tail_rank) == (1 + len(heads), 1 + len(tails))


def test_a_test_fact_that_is_masked_is_refused_by_name():
    with pytest.raises(ValueError, match=r"`test` should hold no.*Received 1.*'e2', 'r0', 'e3'"):
        LinkPredictionEvaluator(TRAIN, graph_of([(0, 0, 1), (2, 0, 3)]))
    with pytest.raises(ValueError, match="`test` should hold no"):
        LinkPredictionEvaluator(TRAIN, TEST, also_known=TEST)


@pytest.mark.parametrize(
    ("message", "train", "settings"),
    [
        ("`ks` should", TRAIN, {"ks": ()}),
        ("`ks` should", TRAIN, {"ks": (0, 3)}),
        ("`test` should have the 5", graph_of([(0, 0, 0)], 5), {}),
        ("`also_known` should have the 4", TRAIN, {"also_known": graph_of([], 4, 2)}),
    ],
)
def test_bad_arguments_are_refused(message, train, settings):
    with pytest.raises(ValueError, match=message):
        LinkPredictionEvaluator(train, TEST, **settings)


def test_an_empty_test_is_refused():
    with pytest.raises(ValueError, match="`test` should hold a fact"):
        LinkPredictionEvaluator(TRAIN, graph_of([]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(value):
    scores = SCORES.astype(np.float32)
    scores[3, 0, 2] = value  # a head of (?, r, 2)
    with pytest.raises(ValueError, match="`score_heads` of Table should be finite"):
        LinkPredictionEvaluator(TRAIN, TEST).evaluate(Table(scores))


def test_scores_of_another_shape_are_refused():
    model = Table(np.zeros([4, 1, 4]))
    model.score_tails = lambda head, relation: np.zeros([len(head), 3])
    with pytest.raises(ValueError, match=r"`score_tails` of Table should return \[2, 4\]"):
        LinkPredictionEvaluator(TRAIN, TEST).evaluate(model)
