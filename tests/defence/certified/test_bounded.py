import math

import numpy as np
import pytest

from advrec_tf.defence.certified.bounded import certify_bounded
from advrec_tf.defence.evidence.verified_bounds import BoundedRanking
from advrec_tf.models.base import MatrixRecommender
from tests.worlds import interactions_of


def ranking_of(scores, has=(), anchor=None):
    scores = np.asarray(scores, np.float32)
    data = interactions_of(list(has), *scores.shape)
    anchor = scores if anchor is None else np.asarray(anchor, np.float32)
    return BoundedRanking(
        model=MatrixRecommender(scores=scores, interactions=data),
        anchor=MatrixRecommender(scores=anchor, interactions=data),
        user_scale=np.ones(scores.shape[0], np.float32),
        item_scale=np.ones(scores.shape[1], np.float32),
        width=0.0,
    )


def test_what_stays_is_counted_by_hand():
    # Lists of two. Item 4 is the user's own.
    ranking = ranking_of([[10, 8, 5, 1, 99]], has=[(0, 4)])
    test = interactions_of([(0, 0), (0, 1), (0, 3)], 1, 5)
    none, one, two, three, all_ = certify_bounded(ranking, test, widths=[0, 1, 2, 3, math.inf], k=2)
    assert none.hits == none.kept == 2 and none.barred == 1.0 and none.width == 0
    # By 1: item 1 stays above 7, item 2 reaches 6; items 2 and 3 stay out.
    assert (one.kept, one.barred) == (2, 1.0)
    # By 2: item 1 falls to 6, item 2 reaches 7: item 0 at 8 is one of two still. Item 3 reaches 3.
    assert (two.kept, two.kept_share, two.barred) == (1, 0.5, 0.5)
    # One hit at the end of a list of two, of three held-out items.
    assert two.precision == 0.5 and two.recall == pytest.approx(1 / 3)
    assert two.ndcg == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    # By 3: item 0 falls to 7, items 1 and 2 reach 11 and 8.
    assert (three.kept, three.barred) == (0, 0.5)
    assert (all_.hits, all_.kept, all_.barred) == (2, 0, 0.0)


def test_equal_scores_keep_and_bar_nothing():
    # By 1 the least score of item 0 is the highest of item 1.
    ranking = ranking_of([[4, 2, 0]])
    (found,) = certify_bounded(ranking, interactions_of([(0, 0)], 1, 3), widths=[1], k=1)
    assert found.kept == 0 and found.barred == 0.5


def test_bounds_hold_for_every_score_within_them():
    rng = np.random.default_rng(0)
    anchor = rng.normal(size=(6, 9))
    model = anchor + rng.normal(size=anchor.shape)
    test = interactions_of([(user, item) for user in range(6) for item in (1, 4, 7)], 6, 9)
    ranking = ranking_of(model, anchor=anchor)
    (found,) = certify_bounded(ranking, test, widths=[0.2], k=3)
    listed = np.argsort(-np.clip(model, anchor - 0.2, anchor + 0.2), axis=1)[:, :3]
    hits = {(user, item) for user in range(6) for item in listed[user] if item in (1, 4, 7)}
    stayed = set(hits)
    for _ in range(3000):
        moved = anchor + 0.2 * rng.choice([-1, 1], size=anchor.shape)
        lists = np.argsort(-moved, axis=1)[:, :3]
        stayed = {(user, item) for user, item in stayed if item in lists[user]}
    assert found.hits == len(hits) and 0 < found.kept == len(stayed) < len(hits)


def test_held_out_interactions_of_other_items_are_refused():
    with pytest.raises(ValueError, match="`test` should hold interactions of 1 users and 3"):
        certify_bounded(ranking_of([[1, 2, 3]]), interactions_of([(0, 1)], 1, 4))


def test_what_has_no_bounds_and_no_widths_are_refused():
    test = interactions_of([(0, 1)], 1, 3)
    with pytest.raises(ValueError, match="`ranking` should be what .* Received: MatrixRecommender"):
        certify_bounded(ranking_of([[1, 2, 3]]).model, test)
    for widths in ([], 0.5, [-1.0]):
        with pytest.raises(ValueError, match="`widths` should be a list of numbers"):
            certify_bounded(ranking_of([[1, 2, 3]]), test, widths=widths)
