import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.split_parts import Split
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation import user_lists
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE, Popularity


def rows(pairs, num_users, num_items):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary([f"u{i}" for i in range(num_users)]),
        items=Vocabulary([f"i{i}" for i in range(num_items)]),
    )


class Scored(Recommender):
    def __init__(self, scores):
        self.table = np.array(scores, np.float32)

    def score(self, user_index):
        return tf.gather(self.table, user_index)


# One user, eight items in falling order of score. Item 7 is seen and would come first; of the
# list 0 1 2 3 4 5 6 the items at the ranks 2, 4 and 7 are relevant.
SCORES = [[7, 6, 5, 4, 3, 2, 1, 9]]


def one_user(ks=(2, 4)):
    evaluator = RankingEvaluator(rows([(0, 7)], 1, 8), rows([(0, 1), (0, 3), (0, 6)], 1, 8), ks=ks)
    return evaluator.evaluate(Scored(SCORES))


def test_evaluators_of_one_catalogue_share_a_graph_and_not_their_users():
    scored = Scored([[3, 2, 1], [3, 2, 1]])
    evaluators = [
        RankingEvaluator(rows([(1, 0)], 2, 3), rows(relevant, 2, 3), ks=(1,))
        for relevant in ([(0, 0), (1, 1)], [(0, 2), (1, 2)])
    ]
    # User 0 is shown item 0, user 1 item 1, for item 0 is seen.
    assert evaluators[0].evaluate(scored).metrics["hit_rate@1"] == 1
    traced = user_lists._compiled.cache_info().misses
    assert evaluators[1].evaluate(scored).metrics["hit_rate@1"] == 0
    assert user_lists._compiled.cache_info().misses == traced


def test_every_metric_equals_the_value_worked_by_hand():
    second, third, fourth = 1 / math.log2(3), 1 / math.log2(4), 1 / math.log2(5)
    assert one_user().metrics == pytest.approx(
        {
            # hits 0 1
            "precision@2": 1 / 2,
            "recall@2": 1 / 3,
            "capped_recall@2": 1 / 2,  # of min(3, 2)
            "f1@2": 2 / (2 + 3),
            "hit_rate@2": 1.0,
            "ndcg@2": second / (1 + second),
            "map@2": (1 / 2) / 2,
            # hits 0 1 0 1
            "precision@4": 2 / 4,
            "recall@4": 2 / 3,
            "capped_recall@4": 2 / 3,
            "f1@4": 4 / (4 + 3),
            "hit_rate@4": 1.0,
            "ndcg@4": (second + fourth) / (1 + second + third),
            "map@4": (1 / 2 + 2 / 4) / 3,
            "mrr": 1 / 2,
            # 2 and 4 of 8 items; ceil(.2 * 8) = 2 are head: item 7 with its row, and item 0
            "coverage@2": 2 / 8,
            "coverage@4": 4 / 8,
            "long_tail_share@2": 1 / 2,
            "long_tail_share@4": 3 / 4,
        },
        rel=1e-6,
    )


def test_a_miss_counts_zero_and_a_perfect_list_one():
    relevant = rows([(0, 0), (0, 1), (1, 3)], 2, 4)
    evaluator = RankingEvaluator(rows([], 2, 4), relevant, ks=(1, 2))
    result = evaluator.evaluate(Scored([[4, 3, 2, 1], [4, 3, 2, 1]]))
    for name in (
        "ndcg@2",
        "recall@2",
        "capped_recall@2",
        "precision@2",
        "f1@2",
        "map@2",
        "hit_rate@2",
        "mrr",
    ):
        assert result.per_user[name][0] == pytest.approx(1.0), name
    for name in (
        "ndcg@2",
        "recall@2",
        "capped_recall@2",
        "precision@2",
        "f1@2",
        "map@2",
        "hit_rate@2",
    ):
        assert result.per_user[name][1] == 0.0, name
    # mrr looks further than any cut-off: rank 4
    assert result.per_user["mrr"][1] == pytest.approx(1 / 4)


@pytest.mark.parametrize("tie", [1.0, 0.0, -0.0, -3.0, 1e-30, 1e-38, -1e-38, 1e-40, 3e38])
def test_a_tie_counts_against_the_target(tie):
    # items 1 and 2 tie with the target 0, item 3 is worse, item 4 seen: rank 3
    evaluator = RankingEvaluator(rows([(0, 4)], 1, 5), rows([(0, 0)], 1, 5), ks=(2, 3))
    result = evaluator.evaluate(Scored([[tie, tie, tie, tie - 1, tie]]))
    if tie - 1 == np.float32(tie):  # so large that one less is the same: item 3 ties as well
        assert result.metrics["mrr"] == pytest.approx(1 / 4)
    else:
        assert result.metrics["mrr"] == pytest.approx(1 / 3)
        assert result.metrics["hit_rate@3"] == 1.0
    assert result.metrics["hit_rate@2"] == 0.0


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_a_model_that_says_nothing_finds_nothing(constant):
    pairs = [(u, i) for u in range(4) for i in range(2)]
    evaluator = RankingEvaluator(rows([], 4, 20), rows(pairs, 4, 20), ks=(5,))
    metrics = evaluator.evaluate(Scored(np.full((4, 20), constant))).metrics
    assert metrics["hit_rate@5"] == 0.0
    assert metrics["mrr"] == pytest.approx(1 / 19)  # 18 others before the first of the two


def test_seen_items_are_in_no_list():
    seen = rows([(0, 0), (0, 1), (1, 4)], 2, 5)
    relevant = rows([(0, 4), (1, 3)], 2, 5)
    scores = [[9, 8, 3, 2, 1], [1, 2, 3, 4, 9]]
    result = RankingEvaluator(seen, relevant, ks=(3,)).evaluate(Scored(scores))
    assert result.top_items.tolist() == [[2, 3, 4], [3, 2, 1]]
    also = RankingEvaluator(seen, relevant, also_seen=rows([(0, 2), (1, 2)], 2, 5), ks=(3,))
    assert also.evaluate(Scored(scores)).top_items.tolist() == [[3, 4, -1], [3, 1, 0]]


def test_a_user_without_relevant_items_is_left_out_and_counted():
    relevant = rows([(2, 0), (0, 1)], 4, 3)
    evaluator = RankingEvaluator(rows([], 4, 3), relevant, ks=(1,))
    result = evaluator.evaluate(Scored([[1, 2, 3], [9, 9, 9], [3, 2, 1], [9, 9, 9]]))
    assert result.users.tolist() == [0, 2] and result.users_without_relevant == 2
    assert result.per_user["hit_rate@1"].tolist() == [0, 1]
    assert result.metrics["hit_rate@1"] == 0.5


def test_only_the_chosen_users_are_evaluated():
    relevant = rows([(0, 0), (1, 0), (3, 0)], 4, 3)
    users = np.array([3, 1, 2])
    result = RankingEvaluator(rows([], 4, 3), relevant, ks=(1,), users=users).evaluate(
        Scored([[1, 2, 3], [3, 2, 1], [3, 2, 1], [1, 2, 3]])
    )
    assert result.users.tolist() == [1, 3] and result.users_without_relevant == 1
    assert result.metrics["hit_rate@1"] == 0.5


@pytest.mark.parametrize(
    ("users", "shown"), [([101, 205], "101"), ([-1, 0], "-1"), (["u1"], "'u1'")]
)
def test_ids_in_the_place_of_indices_of_users_are_refused(users, shown):
    with pytest.raises(ValueError, match=f"`users` should hold indices.*Received: {shown}"):
        RankingEvaluator(rows([], 4, 3), rows([(0, 0)], 4, 3), users=users)


def test_a_model_of_the_same_items_in_another_order_is_refused():
    train = rows([(0, 0), (0, 1), (1, 1), (1, 2)], 2, 4)
    evaluator = RankingEvaluator(train, rows([(0, 2), (1, 0)], 2, 4), ks=(1,))
    order = np.array([1, 0, 2, 3])
    turned = dataclasses.replace(
        train, item_index=order[train.item_index], items=Vocabulary(["i1", "i0", "i2", "i3"])
    )
    # The same model of the same rows; its columns are in another order.
    with pytest.raises(
        ValueError,
        match="`model`, EASE, should have the items of the interactions of the evaluation.*"
        "index 0 is 'i1' there and 'i0' here",
    ):
        evaluator.evaluate(EASE(1.0).fit(turned))
    assert evaluator.evaluate(EASE(1.0).fit(train)).metrics["hit_rate@1"] == 1


def test_a_model_may_have_more_users_than_the_evaluator_and_none_that_are_others():
    train, relevant = rows([(0, 0), (1, 1)], 2, 3), rows([(0, 1)], 2, 3)
    evaluator = RankingEvaluator(train, relevant, ks=(1,))
    injected = rows([(0, 0), (1, 1), (2, 2)], 3, 3)
    assert evaluator.evaluate(Popularity().fit(injected)).users.tolist() == [0]
    others = dataclasses.replace(train, users=Vocabulary(["u1", "u0"]))
    with pytest.raises(ValueError, match="users.*index 0 is 'u1' there and 'u0' here"):
        evaluator.evaluate(Popularity().fit(others))


@pytest.mark.parametrize("name", ["relevant", "also_seen"])
def test_what_is_relevant_or_seen_has_the_ids_of_the_training(name):
    train, relevant = rows([(0, 0)], 2, 3), rows([(0, 1)], 2, 3)
    parts = {"relevant": relevant, "also_seen": rows([(1, 1)], 2, 3)}
    turned = dataclasses.replace(parts[name], items=Vocabulary(["i2", "i1", "i0"]))
    with pytest.raises(ValueError, match=f"`{name}` should have the items of `interactions`.*'i2'"):
        RankingEvaluator(train, **{**parts, name: turned})


def test_fewer_candidates_than_k_shorten_the_list():
    # 4 items, 2 seen: the list is 1, 0 and then nothing; precision is still out of k
    train, relevant = rows([(0, 2), (0, 3)], 1, 4), rows([(0, 0)], 1, 4)
    result = RankingEvaluator(train, relevant, ks=(3, 10)).evaluate(Scored([[1, 2, 9, 9]]))
    assert result.top_items.tolist() == [[1, 0, -1, -1]]
    second = 1 / math.log2(3)
    for k in (3, 10):
        assert result.metrics[f"precision@{k}"] == pytest.approx(1 / k)
        assert result.metrics[f"recall@{k}"] == 1.0
        assert result.metrics[f"f1@{k}"] == pytest.approx(2 / (k + 1))
        assert result.metrics[f"ndcg@{k}"] == pytest.approx(second)
        assert result.metrics[f"map@{k}"] == pytest.approx(1 / 2)
        assert result.metrics[f"coverage@{k}"] == 2 / 4


def test_more_relevant_items_than_the_catalogue_has_ranks_stay_within_one():
    relevant = rows([(0, 0), (0, 1), (0, 2)], 1, 3)
    metrics = RankingEvaluator(rows([], 1, 3), relevant, ks=(7,)).evaluate(Scored([[1, 2, 3]]))
    assert metrics.metrics["ndcg@7"] == pytest.approx(1.0)
    assert metrics.metrics["precision@7"] == pytest.approx(3 / 7)


def test_coverage_and_long_tail_share_equal_the_values_worked_by_hand():
    # rows per item 3 2 0 0 0 0 0 0 0 0: of 10 items the head is 0 and 1
    train = rows([(2, 0), (3, 0), (4, 0), (3, 1), (4, 1)], 5, 10)
    relevant = rows([(0, 9), (1, 9)], 5, 10)
    scores = np.zeros((5, 10))
    scores[0, [0, 1, 2]] = 3, 2, 1
    scores[1, [2, 0, 5]] = 3, 2, 1
    metrics = RankingEvaluator(train, relevant, ks=(2, 3)).evaluate(Scored(scores)).metrics
    # lists 0 1 2 and 2 0 5
    assert metrics["coverage@2"] == 3 / 10 and metrics["coverage@3"] == 4 / 10
    assert metrics["long_tail_share@2"] == 1 / 4
    assert metrics["long_tail_share@3"] == pytest.approx(3 / 6)


def by_hand(scores, seen, relevant, k):
    """The definitions, one user after another, for scores without ties."""
    names = ("ndcg", "hit_rate", "recall", "capped_recall", "precision", "f1", "map", "mrr")
    found = {name: [] for name in names}
    for user in range(len(scores)):
        wanted = relevant[user]
        if not wanted:
            continue
        ranked = [i for i in sorted(range(len(scores[user])), key=lambda i: -scores[user][i])]
        ranked = [i for i in ranked if i not in seen[user]]
        hits = [i in wanted for i in ranked[:k]]
        best = min(len(wanted), k)
        dcg = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if hit)
        found["ndcg"].append(dcg / sum(1 / math.log2(rank + 2) for rank in range(best)))
        found["hit_rate"].append(float(any(hits)))
        found["recall"].append(sum(hits) / len(wanted))
        found["capped_recall"].append(sum(hits) / best)
        found["precision"].append(sum(hits) / k)
        found["f1"].append(2 * sum(hits) / (k + len(wanted)))
        precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(len(hits))]
        found["map"].append(sum(p for p, hit in zip(precisions, hits) if hit) / best)
        found["mrr"].append(1 / (1 + min(ranked.index(i) for i in wanted)))
    return found


def random_problem(num_users=23, num_items=17):
    rng = np.random.default_rng(7)
    scores = rng.normal(size=(num_users, num_items)).astype(np.float32)
    kind = rng.choice(4, p=[0.55, 0.2, 0.05, 0.2], size=scores.shape)
    kind[5] = 1  # has seen everything, and has nothing to find
    train, validation, test = (
        rows(np.argwhere(kind == part), num_users, num_items) for part in (1, 2, 3)
    )
    return scores, train, validation, test


def test_the_evaluator_of_a_split_masks_what_precedes_its_part():
    scores, train, validation, test = random_problem()
    split = Split(name="by hand", train=train, validation=validation, test=test)
    for given, expected in (
        (("test",), RankingEvaluator(train, test, also_seen=validation)),
        (("validation",), RankingEvaluator(train, validation)),
    ):
        found = RankingEvaluator.of_split(split, *given).evaluate(Scored(scores))
        assert found.metrics == expected.evaluate(Scored(scores)).metrics
    assert RankingEvaluator.of_split(split, ks=(3,), users=[1, 4]).users.tolist() == [1, 4]
    with pytest.raises(ValueError, match="`part` should be 'validation' or 'test'"):
        RankingEvaluator.of_split(split, "train")


@pytest.mark.parametrize("block", [4096, 4, 1])
def test_the_evaluator_agrees_with_the_definitions_user_by_user(block):
    scores, train, validation, test = random_problem()
    evaluator = RankingEvaluator(train, test, also_seen=validation, ks=(3, 8, 30))
    evaluator._block = block
    result = evaluator.evaluate(Scored(scores))
    seen = [
        set(train.by_user()[u].tolist()) | set(validation.by_user()[u].tolist())
        for u in range(len(scores))
    ]
    relevant = [set(test.by_user()[u].tolist()) for u in range(len(scores))]
    assert result.users_without_relevant == sum(not r for r in relevant) >= 1
    for k in (3, 8, 30):
        for name, expected in by_hand(scores, seen, relevant, k).items():
            key = name if name == "mrr" else f"{name}@{k}"
            np.testing.assert_allclose(result.per_user[key], expected, atol=1e-6, err_msg=key)
            assert result.metrics[key] == pytest.approx(np.mean(expected), abs=1e-6)


def test_an_item_scored_minus_infinity_is_not_recommended():
    evaluator = RankingEvaluator(rows([], 1, 3), rows([(0, 1)], 1, 3), ks=(3,))
    result = evaluator.evaluate(Scored([[1.0, -np.inf, 2.0]]))
    assert result.top_items.tolist() == [[2, 0, -1]] and result.metrics["hit_rate@3"] == 0.0


def test_a_group_of_users_has_its_own_means():
    relevant = rows([(0, 0), (1, 0), (2, 0)], 4, 2)
    result = RankingEvaluator(rows([], 4, 2), relevant, ks=(1,)).evaluate(
        Scored([[2, 1], [1, 2], [2, 1], [2, 1]])
    )
    assert result.of(np.array([0, 1]))["hit_rate@1"] == 0.5
    assert result.of(np.array([2, 3]))["hit_rate@1"] == 1.0  # user 3 has nothing to find
    assert result.of(np.array([3])) == {}


def test_one_evaluator_measures_several_models():
    evaluator = RankingEvaluator(rows([], 1, 2), rows([(0, 0)], 1, 2), ks=(1,))
    found = [
        evaluator.evaluate(Scored([s])).metrics["hit_rate@1"] for s in ([2, 1], [1, 2], [2, 1])
    ]
    assert found == [1, 0, 1]


def test_nan_is_refused_wherever_it_is():
    for place in ((0, 0), (0, 2)):  # a candidate, and an item that is masked anyway
        scores = np.ones((1, 3))
        scores[place] = np.nan
        evaluator = RankingEvaluator(rows([(0, 2)], 1, 3), rows([(0, 1)], 1, 3), ks=(1,))
        with pytest.raises(ValueError, match="`score` of Scored should not be NaN. Received NaN"):
            evaluator.evaluate(Scored(scores))


def test_scores_of_another_shape_are_refused():
    evaluator = RankingEvaluator(rows([], 1, 3), rows([(0, 1)], 1, 3), ks=(1,))
    with pytest.raises(ValueError, match=r"should return \[1, 3\]. Received: \(1, 4\)"):
        evaluator.evaluate(Scored([[1, 2, 3, 4]]))


def test_a_relevant_row_that_is_masked_is_refused_by_its_ids():
    train, relevant = rows([(1, 2)], 2, 3), rows([(0, 0), (1, 2)], 2, 3)
    with pytest.raises(ValueError, match="Received 1, among them user 'u1', item 'i2'"):
        RankingEvaluator(train, relevant)
    with pytest.raises(ValueError, match="`relevant` should hold no pair that is masked"):
        RankingEvaluator(rows([], 2, 3), relevant, also_seen=train)


def test_nothing_to_find_and_no_cut_off_are_refused():
    with pytest.raises(ValueError, match="`relevant` should hold an interaction"):
        RankingEvaluator(rows([], 1, 3), rows([], 1, 3))
    for ks in ((), (0, 5)):
        with pytest.raises(ValueError, match="`ks` should hold cut-offs >= 1"):
            RankingEvaluator(rows([], 1, 3), rows([(0, 0)], 1, 3), ks=ks)


def test_an_item_one_float_below_a_relevant_one_comes_after_it_and_an_equal_one_before():
    low = np.nextafter(np.float32(1), np.float32(0))
    evaluator = RankingEvaluator(rows([], 1, 4), rows([(0, 2)], 1, 4), ks=(1, 2))
    result = evaluator.evaluate(Scored(np.array([[low, 0, 1, 0]], np.float32)))
    assert result.top_items.tolist() == [[2, 0]] and result.metrics["mrr"] == 1.0
    assert result.metrics["hit_rate@1"] == 1.0
    result = evaluator.evaluate(Scored(np.array([[1, 0, 1, 0]], np.float32)))
    assert result.top_items.tolist() == [[0, 2]] and result.metrics["mrr"] == 1 / 2


def test_the_order_of_near_ties_holds_at_the_end_of_the_list_too():
    low = np.nextafter(np.float32(1), np.float32(0))
    evaluator = RankingEvaluator(rows([], 1, 4), rows([(0, 3)], 1, 4), ks=(2,))
    result = evaluator.evaluate(Scored(np.array([[2, low, low, 1]], np.float32)))
    assert result.top_items.tolist() == [[0, 3]] and result.metrics["hit_rate@2"] == 1.0


def test_a_relevant_item_scored_minus_infinity_has_the_reciprocal_rank_0():
    evaluator = RankingEvaluator(rows([], 1, 3), rows([(0, 1)], 1, 3), ks=(3,))
    assert evaluator.evaluate(Scored([[-np.inf] * 3])).metrics["mrr"] == 0.0
    assert evaluator.evaluate(Scored([[1.0, -np.inf, 2.0]])).metrics["mrr"] == 0.0


def test_a_callable_is_ranked_like_a_model():
    evaluator = RankingEvaluator(rows([(0, 7)], 1, 8), rows([(0, 1), (0, 3)], 1, 8), ks=(2,))
    expected = evaluator.evaluate(Scored(SCORES)).metrics
    assert evaluator.evaluate(lambda users: np.array(SCORES)[users.numpy()]).metrics == expected
