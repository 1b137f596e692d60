import dataclasses
import math

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.attack_effect import ManipulationEvaluator
from advrec_tf.models.base import MatrixRecommender


def clean():
    """Three users, five items; user 0 has items 0 and 3, user 1 item 4, user 2 item 0."""
    return Interactions(
        user_index=np.array([0, 0, 1, 2], np.int32),
        item_index=np.array([0, 3, 4, 0], np.int32),
        users=Vocabulary(np.arange(3)),
        items=Vocabulary(np.arange(5)),
    )


def model(*scores):
    return MatrixRecommender(scores=np.array(scores, np.float32), interactions=clean())


BEFORE = model((9, 1, 2, 9, 3), (1, 2, 3, 4, 9), (9, 4, 3, 2, 1))
# The victim knows a fourth, fake user, and is only asked for the first three.
AFTER = model((9, 3, 2, 9, 3), (5, 2, 3, 4, 9), (9, 4, 3, 5, 1), (0, 0, 0, 5, 5))


def test_other_users_than_those_of_the_data_are_refused():
    with pytest.raises(ValueError, match="`users` should hold indices.*Received: 3"):
        ManipulationEvaluator(clean(), [3], users=[0, 3])
    others = dataclasses.replace(clean(), users=Vocabulary([2, 1, 0]))
    with pytest.raises(ValueError, match="should have the users.*index 0 is 2 there and 0 here"):
        ManipulationEvaluator(clean(), [3]).standing(
            dataclasses.replace(BEFORE, interactions=others)
        )


def test_two_targets_are_ranked_apart_as_worked_by_hand():
    # target 3: user 0 has it. User 1 ranks 3 (4) behind 0 (5): 2nd. User 2 ranks 3 (5) first.
    # target 4: user 1 has it. User 0 ranks 4 (3) with 1 (3), and ties count against it: 2nd of
    # 1, 2, 4. User 2 has 1, 2, 3 above it: 4th.
    evaluator = ManipulationEvaluator(clean(), [3, 4], ks=(1, 2))
    standing = evaluator.standing(AFTER)
    assert standing.rank.tolist() == [[0, 2, 1], [2, 0, 4]]
    rows = evaluator.per_target(standing)
    second = 1 / math.log2(3)
    assert rows[3] == pytest.approx(
        {
            "target_rank": 1.5,
            "target_hit_rate@1": 0.5,
            "target_ndcg@1": 0.5,
            "target_hit_rate@2": 1.0,
            "target_ndcg@2": (second + 1) / 2,
        }
    )
    assert rows[4] == pytest.approx(
        {
            "target_rank": 3.0,
            "target_hit_rate@1": 0.0,
            "target_ndcg@1": 0.0,
            "target_hit_rate@2": 0.5,
            "target_ndcg@2": second / 2,
        }
    )
    means = evaluator.metrics(standing)
    assert means["target_hit_rate@2"] == pytest.approx(0.75)
    assert means["target_rank"] == pytest.approx(2.25)


def test_each_target_alone_gives_what_both_together_give():
    together = ManipulationEvaluator(clean(), [3, 4], ks=(1, 2))
    rows = together.per_target(together.standing(AFTER), together.standing(BEFORE))
    for target in (3, 4):
        alone = ManipulationEvaluator(clean(), [target], ks=(1, 2))
        assert alone.per_target(alone.standing(AFTER), alone.standing(BEFORE)) == {
            target: rows[target]
        }


def test_shifts_are_of_users_who_have_not_rated_the_target():
    evaluator = ManipulationEvaluator(clean(), [3], ks=(1,))
    row = evaluator.per_target(evaluator.standing(AFTER), evaluator.standing(BEFORE))[3]
    # user 1: 4 -> 4; user 2: 2 -> 5
    assert row["prediction_shift"] == pytest.approx(1.5)
    # user 2 before, without item 0: 4, 3, 2, 1, deviation sqrt(5 / 4)
    assert row["score_shift"] == pytest.approx((0 + 3 / math.sqrt(1.25)) / 2)


def test_lists_are_compared_without_the_targets_and_what_was_seen():
    # Lists of two without item 3. Before: user 0 (4, 2), user 1 (2, 1), user 2 (1, 2).
    # After: user 0 (1, 4) or (4, 1), user 1 (0, 2), user 2 (1, 2): shared 1, 1, 2 of 2.
    evaluator = ManipulationEvaluator(clean(), [3], ks=(2,))
    metrics = evaluator.metrics(evaluator.standing(AFTER), evaluator.standing(BEFORE))
    assert metrics["list_overlap@2"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    same = evaluator.metrics(evaluator.standing(BEFORE), evaluator.standing(BEFORE))
    assert same["list_overlap@2"] == 1.0 and same["prediction_shift"] == 0.0


def test_a_segment_is_measured_alone():
    evaluator = ManipulationEvaluator(clean(), [3], ks=(1,), users=np.array([0, 2]))
    assert evaluator.metrics(evaluator.standing(AFTER))["target_hit_rate@1"] == 1.0


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="`ks`"):
        ManipulationEvaluator(clean(), [3], ks=())
    for targets in ([], [5], [-1], [0.5]):
        with pytest.raises(ValueError, match=r"`targets` should be items, 0\.\.4"):
            ManipulationEvaluator(clean(), targets)
    with pytest.raises(ValueError, match="none for item 3"):
        ManipulationEvaluator(clean(), [4, 3], users=np.array([0]))
    with pytest.raises(ValueError, match="should not be NaN"):
        ManipulationEvaluator(clean(), [3]).standing(model(*[[np.nan] * 5] * 3))
    with pytest.raises(ValueError, match=r"should return \[3, 5\]"):
        ManipulationEvaluator(clean(), [3]).standing(model(*[[0.0] * 4] * 3))
