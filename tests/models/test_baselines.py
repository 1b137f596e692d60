import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.readers.published_splits import load_benchmark
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models import baselines
from advrec_tf.models.baselines import (
    EASE,
    ItemKNN,
    Popularity,
    RandomWalk,
    RecentPopularity,
)
from tests.worlds import interactions_of

# Item 0 is with users 0, 1, 2; item 1 with user 0; item 2 with user 3 alone.
DATA = interactions_of([(0, 0), (0, 1), (1, 0), (2, 0), (3, 2)], num_users=4, num_items=3)


def test_popularity_gives_every_user_the_rows_of_each_item():
    scores = Popularity().fit(DATA).score(tf.constant([3, 0])).numpy()
    np.testing.assert_allclose(scores, np.log([[3.5, 1.5, 1.5]] * 2), rtol=1e-6)


def test_recent_popularity_counts_the_last_days_and_then_all_time():
    # Days 1, 1, 1, 8, 9, 10: within two days of the last one (later than day 8) items 0 and 1 once.
    pairs = [(0, 2), (1, 2), (2, 0), (0, 3), (3, 0), (4, 1)]
    times = 1e9 + 86_400 * np.array([1, 1, 1, 8, 9, 10])
    data = interactions_of(pairs, 5, 5, timestamp=times)
    model = RecentPopularity(days=2).fit(data)
    want = [1 + 2 / 3, 1 + 1 / 3, 2 / 3, 1 / 3, 0]
    assert model.score(tf.constant([3, 0])).numpy() == pytest.approx(np.array([want, want]))
    assert model.score_history(tf.constant([[0, 1]])).numpy() == pytest.approx(np.array([want]))
    longer = RecentPopularity(days=2.1).fit(data).score(tf.constant([0])).numpy()[0]
    assert longer[3] == pytest.approx(1 + 1 / 3)
    with pytest.raises(ValueError, match="should have timestamps"):
        RecentPopularity().fit(interactions_of(pairs))
    with pytest.raises(ValueError, match="`days` should be > 0"):
        RecentPopularity(0)


def test_a_history_is_scored_as_that_of_a_user_with_the_same_items():
    pairs = [(0, 0), (0, 2), (1, 0), (1, 1), (2, 1), (2, 2), (2, 3)]
    data = interactions_of(pairs, 3, 4)
    histories = tf.constant([[-1, 2, 0], [0, 1, 1], [3, 1, 2]])
    for model in (EASE(2.0), RandomWalk(), ItemKNN(), Popularity()):
        model.fit(data)
        want = model.score(tf.constant([0, 1, 2])).numpy()
        np.testing.assert_allclose(model.score_history(histories).numpy(), want, rtol=1e-5)
        with pytest.raises(ValueError, match=r"`histories` should .* 0..3, .*: 4 at \(0, 1\)"):
            model.score_history(tf.constant([[0, 4]]))


def test_item_knn_sums_the_cosines_with_the_items_of_the_user():
    # Items 0 and 1 share user 1, 0 and 2 user 0; n = 2, 2, 2: a cosine of 1/2 each.
    data = interactions_of([(0, 0), (0, 2), (1, 0), (1, 1), (2, 1), (2, 2)], 3, 3)
    found = ItemKNN().fit(data).score_history(tf.constant([[0, -1]])).numpy()
    assert found == pytest.approx(np.array([[1, 0.5, 0.5]]))


def test_ease_over_the_users_cannot_score_a_history(monkeypatch):
    monkeypatch.setattr(baselines, "DUAL_RATIO", 1)
    model = EASE(2.0).fit(interactions_of([(0, 0), (1, 2)], 2, 3))
    with pytest.raises(ValueError, match="solved over the users scores those users alone"):
        model.score_history(tf.constant([[0]]))


def test_ease_equals_the_closed_form_worked_by_hand():
    # X'X + 1 = [[4, 1, 0], [1, 2, 0], [0, 0, 2]], so P = [[2, -1, 0], [-1, 4, 0], .] / 7 with
    # 1/2 for item 2; B_ij = -P_ij / P_jj: B_01 = 1/4, B_10 = 1/2, and item 2 is on its own
    model = EASE(l2=1.0).fit(DATA)
    np.testing.assert_allclose(model.weights, [[0, 0.25, 0], [0.5, 0, 0], [0, 0, 0]], atol=1e-7)
    # users 0 {0, 1}, 1 {0}, 3 {2}
    expected = [[0.5, 0.25, 0], [0, 0.25, 0], [0, 0, 0]]
    np.testing.assert_allclose(model.score(tf.constant([0, 1, 3])), expected, atol=1e-7)


def test_ease_has_no_weight_from_an_item_to_itself():
    pairs = np.argwhere(np.random.default_rng(0).random((20, 7)) < 0.4)
    weights = EASE(l2=2.0).fit(interactions_of(pairs, 20, 7)).weights.numpy()
    assert (np.diag(weights) == 0).all() and np.count_nonzero(weights) == 7 * 6


def test_ease_counts_a_repeated_row_once():
    twice = interactions_of(
        [(0, 0), (0, 0), (0, 1), (1, 0), (2, 0), (3, 2)], num_users=4, num_items=3
    )
    np.testing.assert_array_equal(EASE(1.0).fit(twice).weights, EASE(1.0).fit(DATA).weights)


def test_a_catalogue_too_large_for_ease_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr(baselines, "EASE_MEMORY_LIMIT", 3 * 8 * 3**2 - 1)
    with pytest.raises(ValueError, match="EASE on 3 items needs"):
        EASE(1.0).fit(DATA)
    assert not EASE.fits(DATA)
    monkeypatch.setattr(baselines, "EASE_MEMORY_LIMIT", 3 * 8 * 3**2)
    EASE(1.0).fit(DATA)
    assert EASE.fits(DATA)


def test_few_users_make_a_large_catalogue_fit(monkeypatch):
    monkeypatch.setattr(baselines, "EASE_MEMORY_LIMIT", 3 * 8 * 6 * 30)
    assert EASE.fits(interactions_of([(5, 29)], 6, 30)) and not EASE.fits(
        interactions_of([(8, 29)], 9, 30)
    )


def test_ease_over_few_users_gives_the_scores_of_ease_over_items(monkeypatch):
    pairs = np.argwhere(np.random.default_rng(1).random((6, 30)) < 0.3)
    data, users = interactions_of(pairs, 6, 30), tf.range(6)
    dual = EASE(2.5).fit(data)
    over_items = dual._over_items(None).numpy()
    np.testing.assert_allclose(dual.score(users), data.by_user().dense() @ over_items, atol=2e-6)
    assert dual.weights is None  # never formed where there are many more items
    assert not dual.score(tf.constant([6])).numpy().any()  # an unknown user
    monkeypatch.setattr(baselines, "DUAL_RATIO", 10)
    np.testing.assert_allclose(dual.weights, over_items, atol=2e-6)


def test_a_walk_equals_the_one_worked_by_hand():
    # User 1 has item 0 (3 rows), whose users 0, 1, 2 have 2, 1, 1 rows. Item 0 gets back
    # 1/3 (1/2 + 1 + 1), over sqrt 3; item 1 (1 row) gets 1/3 * 1/2 from user 0; item 2 nothing.
    walk = RandomWalk(item=1.0, user=1.0, target=0.5).fit(DATA)
    expected = [[2.5 / 3 / np.sqrt(3), 1 / 6, 0], [0, 0, 1]]
    np.testing.assert_allclose(walk.score(tf.constant([1, 3])), expected, rtol=1e-6)


def test_the_exponents_of_a_walk_discount_what_they_name_and_a_repeated_row_counts_once():
    pairs = np.argwhere(np.random.default_rng(2).random((6, 9)) < 0.4)
    x = np.zeros((6, 9))
    x[tuple(pairs.T)] = 1
    of_user, of_item = np.maximum(x.sum(1, keepdims=True), 1), np.maximum(x.sum(0), 1)
    expected = x * of_item**-0.3 @ x.T * (of_user**-0.7).T @ x * of_item**-0.2
    walk = RandomWalk(item=0.3, user=0.7, target=0.2).fit(interactions_of([*pairs, pairs[0]], 6, 9))
    np.testing.assert_allclose(walk.score(tf.range(6)), expected, rtol=1e-5)


def test_a_step_of_a_walk_counts_by_the_root_of_its_weight_and_profiles_stay_whole():
    pairs = np.argwhere(np.random.default_rng(2).random((6, 9)) < 0.4)
    weight = np.random.default_rng(3).random(len(pairs))
    weight[0] = 0.0
    x, root = np.zeros((6, 9)), np.zeros((6, 9))
    x[tuple(pairs.T)] = 1
    root[tuple(pairs.T)] = np.sqrt(weight)
    of_user = np.maximum((root**2).sum(1, keepdims=True), 1e-9)
    of_item = np.maximum((root**2).sum(0), 1e-9)
    steps = root * of_item**-0.3 * of_user**-0.7
    expected = x @ steps.T @ (root * of_item**-0.2)
    walk = RandomWalk(item=0.3, user=0.7, target=0.2)
    walk.fit(interactions_of(pairs, 6, 9), weight=weight)
    np.testing.assert_allclose(walk.score(tf.range(6)), expected, rtol=1e-5)


def test_a_walk_towards_the_popular_is_refused():
    with pytest.raises(ValueError, match="`target` should be >= 0. Received: -0.1"):
        RandomWalk(target=-0.1)


@pytest.mark.parametrize("l2", [0.0, -1.0])
def test_ease_without_a_ridge_is_refused(l2):
    with pytest.raises(ValueError, match="`l2` should be > 0"):
        EASE(l2)


# Plain NumPy on the same files, worked out before this package existed.
PUBLISHED = [
    ("irgan-ml100k", 300, {"precision@5": 0.4171, "ndcg@5": 0.4570, "precision@3": 0.4627}),
    ("apr-loo-ml100k", 500, {"hit_rate@10": 0.1442, "ndcg@10": 0.0731, "hit_rate@50": 0.3743}),
    ("apr-loo-amazon", 100, {"hit_rate@10": 0.0861, "ndcg@10": 0.0469, "ndcg@50": 0.0749}),
    ("ml1m-neumf-loo", 300, {"hit_rate@10": 0.1121, "ndcg@10": 0.0552, "hit_rate@50": 0.3197}),
]
QUICK = "irgan-ml100k"


@pytest.mark.parametrize(
    ("name", "l2", "figures"),
    [
        pytest.param(*row, id=row[0], marks=() if row[0] == QUICK else pytest.mark.slow)
        for row in PUBLISHED
    ],
)
def test_ease_repeats_the_reference_figures(name, l2, figures, data_root):
    split = load_benchmark(name, data_root)
    evaluator = RankingEvaluator(split.train, split.test, ks=(3, 5, 10, 50))
    metrics = evaluator.evaluate(EASE(l2).fit(split.train)).metrics
    assert {key: metrics[key] for key in figures} == pytest.approx(figures, abs=5e-4)


def test_weights_of_ease_are_those_of_rows_of_the_regression():
    # A user who weighs 2 is two users; the scores of users and of their weights are the same.
    pairs = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 3)]
    data = interactions_of(pairs, 3, 4)
    twice = interactions_of([*pairs, (3, 0), (3, 3)], 4, 4)
    weight = np.array([1, 1, 1, 1, 2, 2])
    want = EASE(2.0).fit(twice).score(tf.range(3)).numpy()
    model = EASE(2.0).fit(data, weight=weight)  # over the users
    np.testing.assert_allclose(model.score(tf.range(3)), want, atol=1e-6)
    primal = data.by_user().dense() @ model._over_items(weight).numpy()
    np.testing.assert_allclose(primal, want, atol=1e-6)
