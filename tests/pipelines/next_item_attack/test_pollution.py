import math

import numpy as np
import pytest

from advrec_tf.pipelines.next_item_attack.pollution import (
    IGNORES,
    STAYS_BELOW,
    Answering,
    Differentiable,
    points_of,
    pollution_curves,
)
from tests.attacks.sequential.test_pollution import HISTORIES, LastItem

NEXT = np.array([2, 3], np.int32)
"""After [5, 0, 1] the model says 2, the truth; after [3, 4, 3, 2] it says 3, which stands in the
history, so that it is in no list."""


class NoShortHistory:
    def flagged(self, histories):
        return (np.asarray(histories) >= 0).sum(1) < 3


def curves(**settings):
    return pollution_curves(
        Answering(scorer=LastItem()), HISTORIES, NEXT, **{"kinds": ["delete"], "k": 3, **settings}
    )


def test_a_curve_begins_without_an_edit_and_has_the_budgets_that_were_asked_for():
    (curve,) = curves(searches=["greedy"], budgets=[1, 2])
    assert (curve["kind"], curve["search"]) == ("delete", "greedy")
    assert [point["budget"] for point in curve["points"]] == [0, 1, 2]
    # one of two lists begins with the truth; without the item before it no list has it
    assert [point["ndcg"] for point in curve["points"]] == [0.5, 0.0, 0.0]
    assert "target_hit_rate" not in curve["points"][0]


def test_the_values_of_each_user_are_told_where_they_are_asked_for():
    (curve,) = curves(searches=["greedy"], budgets=[1], of_users=True)
    assert [point["ndcg_of_users"].tolist() for point in curve["points"]] == [[1.0, 0.0], [0, 0]]
    (curve,) = curves(searches=["greedy"], budgets=[1])
    assert "ndcg_of_users" not in curve["points"][0]


def test_equal_scores_count_against_the_item():
    # without its last item [5, 0] says 1; 2, 3 and 4 have no score, so 2 comes fourth
    (curve,) = curves(searches=["greedy"], budgets=[1], k=4)
    assert curve["points"][1]["ndcg"] == pytest.approx(0.5 / math.log2(5))
    assert curve["points"][1]["hit_rate"] == 0.5


def test_a_target_is_pushed_into_the_lists():
    (curve,) = curves(kinds=["substitute"], searches=["greedy"], budgets=[1], promoted=4, k=1)
    # only the first history is without 4
    assert [point["target_hit_rate"] for point in curve["points"]] == [0.0, 1.0]


def test_each_history_can_have_a_target_of_its_own_and_who_has_it_is_never_counted():
    # the second history has 4 and 3 and 2, and is left out even where an exchange removes its own
    (curve,) = curves(
        kinds=["substitute"], searches=["random"], budgets=[1, 4], promoted=np.array([4, 3]), k=1
    )
    assert [point["target_users"] for point in curve["points"]] == [1, 1, 1]
    (curve,) = curves(
        kinds=["substitute"], searches=["greedy"], budgets=[1], promoted=np.array([4, 5]), k=1
    )
    assert [point["target_hit_rate"] for point in curve["points"]] == [0.0, 1.0]


class MindsEveryEdit:
    """Suspects what is not one of `HISTORIES`."""

    threshold = 0.5

    def suspicion(self, histories):
        return np.array([float(one not in HISTORIES.tolist()) for one in histories.tolist()])


def test_behind_a_detector_one_attacker_ignores_it_and_one_stays_below_it():
    behind = Answering(scorer=LastItem(), detector=MindsEveryEdit())
    bold, careful = pollution_curves(
        behind, HISTORIES, NEXT, kinds=["substitute"], searches=["greedy"], budgets=[1], k=3
    )
    assert (bold["attacker"], careful["attacker"]) == (IGNORES, STAYS_BELOW)
    assert [point["ndcg"] for point in bold["points"]] == [0.5, 0.0]
    assert [point["ndcg"] for point in careful["points"]] == [0.5, 0.5]
    assert [curve["points"][1]["edited"] for curve in (bold, careful)] == [1.0, 0.0]
    assert [curve["points"][0]["edited"] for curve in (bold, careful)] == [0.0, 0.0]


def test_who_ignores_a_detector_chooses_among_edits_by_gradient_by_the_answers():
    class Network:
        item_rows = "vectors"
        last_states = "states"

        def score_history(self, histories):
            raise AssertionError("the network is asked in place of the defence")

    found = Differentiable(Network(), LastItem())
    assert (found.item_rows, found.last_states) == ("vectors", "states")
    assert np.argmax(found.score_history(HISTORIES), axis=1).tolist() == [2, 3]


def test_a_detector_that_watches_says_how_many_it_would_find():
    (curve,) = curves(searches=["random"], budgets=[1], watching=NoShortHistory())
    assert [point["flagged"] for point in curve["points"]] == [0.0, 0.5]


def test_a_search_by_gradient_needs_a_network():
    found = curves(searches=["random", "gradient"], budgets=[1])
    assert [curve["search"] for curve in found] == ["random"]


def test_points_are_those_of_the_histories_that_each_budget_shows():
    shown = {0: HISTORIES, 3: HISTORIES[:, ::-1].copy()}
    # [1, 0, 5] says 0, which stands in it: the truth, 2, has no score, as 3 and 4
    points = points_of(LastItem(), shown, NEXT, k=3)
    assert [point["budget"] for point in points] == [0, 3]
    assert points[1]["ndcg"] == pytest.approx(0.5 / math.log2(4))
