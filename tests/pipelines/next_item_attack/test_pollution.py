import math

import numpy as np
import pytest

from advrec_tf.pipelines.next_item_attack.pollution import Answering, points_of, pollution_curves
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


def test_equal_scores_count_against_the_item():
    # without its last item [5, 0] says 1; 2, 3 and 4 have no score, so 2 comes fourth
    (curve,) = curves(searches=["greedy"], budgets=[1], k=4)
    assert curve["points"][1]["ndcg"] == pytest.approx(0.5 / math.log2(5))
    assert curve["points"][1]["hit_rate"] == 0.5


def test_a_target_is_pushed_into_the_lists():
    (curve,) = curves(kinds=["substitute"], searches=["greedy"], budgets=[1], promoted=4, k=1)
    # only the first history is without 4
    assert [point["target_hit_rate"] for point in curve["points"]] == [0.0, 1.0]


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
