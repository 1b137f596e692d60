import dataclasses
import json

import numpy as np
import pytest
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation import robustness
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.evaluation.robustness import attack_vectors, robustness_curve, vectors_of
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.vectors import VectorRecommender, with_popularity_prior
from advrec_tf.perturbations import Perturbation, fgsm, pgd


def rows(pairs, num_users, num_items):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


def table(values):
    return np.array(values, np.float32)


def attacked(users, items, data, perturbation, seed=0):
    found = attack_vectors(table(users), table(items), data, perturbation, seed=seed)
    return found.user_vectors, found.item_vectors


def some(num_users=30, num_items=20, num_rows=200):
    """Random tables and rows; the tables' rows have very different lengths."""
    rng = np.random.default_rng(0)
    pairs = np.stack(
        [rng.integers(num_users, size=num_rows), rng.integers(num_items, size=num_rows)]
    )
    users = rng.normal(size=(num_users, 4)) * rng.uniform(0.1, 3, size=(num_users, 1))
    items = rng.normal(size=(num_items, 4)) * rng.uniform(0.1, 3, size=(num_items, 1))
    return table(users), table(items), rows(pairs.T, num_users, num_items)


def test_one_step_goes_along_the_gradient_worked_by_hand():
    # p = (3, 4), q = (5, 0), (0, 0). Where the negative of a row (0, 0) is item 1, with
    # c = sigmoid(-15) > 0:  d/dp = -c (q0 - q1) = -c (5, 0),  d/dq0 = -c p,  d/dq1 = c p;
    # where it is item 0 itself, all is 0. Of 64 rows some have item 1.
    data = rows([(0, 0)] * 64, 1, 2)
    users, items = attacked([[3, 4]], [[5, 0], [0, 0]], data, fgsm(0.5, relative=False))
    np.testing.assert_allclose(users, [[3 - 0.5, 4]], rtol=1e-5)
    # p / |p| = (.6, .8)
    np.testing.assert_allclose(items, [[5 - 0.3, -0.4], [0.3, 0.4]], rtol=1e-5)


def test_an_attack_is_the_same_without_a_graph(eagerly):
    users, _ = attacked([[3, 4]], [[5, 0], [0, 0]], rows([(0, 0)] * 64, 1, 2), fgsm(0.5))
    assert users[0, 0] < 3  # by hand above


def test_a_relative_budget_is_a_share_of_each_rows_own_length():
    # as above, |p| = 5, |q| = 5 and 0: radii .1 * (5, 5, 0)
    data = rows([(0, 0)] * 64, 1, 2)
    users, items = attacked([[3, 4]], [[5, 0], [0, 0]], data, fgsm(0.1, relative=True))
    np.testing.assert_allclose(users, [[3 - 0.5, 4]], rtol=1e-5)
    np.testing.assert_allclose(items, [[5 - 0.3, -0.4], [0, 0]], rtol=1e-5, atol=1e-7)


def test_the_gradient_is_summed_over_all_rows_and_blocks_and_over_no_filling(monkeypatch):
    # Blocks of 4: three rows fill the last of two. One item, so the negative is the positive
    # and only the users' sums tell the rows apart: they are 0, and nothing moves.
    monkeypatch.setattr(robustness, "_BLOCK", 4)
    data = rows([(1, 0)] * 3 + [(2, 0)] * 2, 3, 1)
    users, items = attacked([[1], [2], [3]], [[1]], data, fgsm(0.5, relative=False))
    np.testing.assert_array_equal(users, [[1], [2], [3]])
    np.testing.assert_array_equal(items, [[1]])
    # Rows of users 1 and 2; what fills the last block is (0, 0) and must weigh nothing, while
    # the last real rows, of user 2, count. Against any of 49 items at 0, d/dp = -c (1 - 0).
    data = rows([(1, 0)] * 36 + [(2, 0)] * 9, 3, 50)
    users, _ = attacked([[1], [2], [3]], [[1]] + [[0]] * 49, data, fgsm(0.5, relative=False))
    np.testing.assert_allclose(users, [[1], [1.5], [2.5]])


def test_rows_of_a_loss_add_up_to_the_direction_of_their_sum():
    # Users (1, 0) and (0, 1), both with item 0, item 1 = (9, 9) is what they are shown against.
    # d/dq0 = -n0 c0 p0 - n1 c1 p1 with c = sigmoid(q1 - q0) = .5 everywhere (q0 = q1), n the
    # draws of item 1: about 3 to 1 for 3000 and 1000 rows, and q0 moves along (-3, -1) / sqrt(10)
    data = rows([(0, 0)] * 3000 + [(1, 0)] * 1000, 2, 2)
    _, items = attacked([[1, 0], [0, 1]], [[9, 9], [9, 9]], data, fgsm(1.0, relative=False))
    np.testing.assert_allclose(items[0] - 9, [-0.949, -0.316], atol=0.02)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("kind", list(robustness.KINDS))
def test_no_row_leaves_its_ball(kind, norm, relative):
    users, items, data = some()
    perturbation = robustness.KINDS[kind](0.3, relative=relative, norm=norm)
    order = 2 if norm == "l2" else np.inf
    for before, after in zip((users, items), attacked(users, items, data, perturbation)):
        moved = np.linalg.norm(after - before, ord=order, axis=1)
        limit = 0.3 * np.linalg.norm(before, ord=order, axis=1) if relative else 0.3
        assert (moved <= limit * (1 + 1e-5) + 1e-6).all()
        assert moved.max() > 0.1


def test_a_user_without_rows_stays_where_it_is_but_for_noise():
    users, items, data = some()
    data = data.select(data.user_index != 7)
    for perturbation in (fgsm(0.3, relative=False), pgd(0.3, relative=False)):
        after, _ = attacked(users, items, data, perturbation)
        assert (after == users).all(axis=1).nonzero()[0].tolist() == [7]
    after, _ = attacked(
        users, items, data, Perturbation(epsilon=0.3, direction="random", relative=False)
    )
    assert not (after == users).all(axis=1).any()


def test_every_gradient_step_draws_its_own_negatives():
    # One row: a step moves at most one item beside the positive.
    items = np.zeros((50, 1), np.float32)
    data = rows([(0, 0)], 1, 50)
    _, one = attacked([[1]], items, data, fgsm(0.5, relative=False), seed=1)
    _, many = attacked([[1]], items, data, pgd(0.5, steps=10, relative=False), seed=1)
    assert np.count_nonzero(one[1:]) <= 1
    assert np.count_nonzero(many[1:]) >= 5  # ten draws of fifty


def test_blocks_draw_their_own_negatives(monkeypatch):
    # Blocks of one row, eight of them: one draw for all would move one item beside the positive.
    monkeypatch.setattr(robustness, "_BLOCK", 1)
    _, items = attacked(
        [[1]], np.zeros((50, 1)), rows([(0, 0)] * 8, 1, 50), fgsm(0.5, relative=False)
    )
    assert np.count_nonzero(items[1:]) >= 4


@pytest.mark.parametrize("kind", list(robustness.KINDS))
def test_an_attack_repeats_for_a_seed_and_for_no_other(kind):
    users, items, data = some()
    first, same, other = (
        attacked(users, items, data, robustness.KINDS[kind](0.3), seed=seed)[1]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("kind", list(robustness.KINDS))
def test_epsilon_zero_changes_nothing(kind):
    users, items, data = some()
    after = attacked(users, items, data, robustness.KINDS[kind](0.0))
    np.testing.assert_array_equal(after[0], users)
    np.testing.assert_array_equal(after[1], items)


def test_the_arrays_that_were_given_are_not_altered():
    users, items, data = some()
    kept = users.copy(), items.copy()
    attack_vectors(users, items, data, pgd(0.3, relative=False), seed=0)
    np.testing.assert_array_equal(users, kept[0])
    np.testing.assert_array_equal(items, kept[1])


@pytest.mark.parametrize(
    ("users", "items", "pairs", "message"),
    [
        (
            np.ones((2, 3)),
            np.ones((5, 3)),
            [(0, 0)],
            r"`user_vectors` should have shape \[4, dim\]",
        ),
        (np.ones((4, 3)), np.ones(5), [(0, 0)], r"`item_vectors` should have shape \[5, dim\]"),
        (np.ones((4, 3)), np.ones((5, 2)), [(0, 0)], "same dimension. Received: 3 and 2"),
        (np.ones((4, 3)), np.ones((5, 3)), [], "`interactions` should not be empty. Received none"),
    ],
)
def test_tables_that_do_not_fit_are_refused(users, items, pairs, message):
    with pytest.raises(ValueError, match=message):
        attack_vectors(users, items, rows(pairs, 4, 5), fgsm(0.1, relative=False), seed=0)


def test_the_margin_spends_nothing_on_a_pair_that_ranks_wrong_already():
    # One positive each: user 0 scores it 1 and the other item 0, user 1 the other way round.
    users, items = [[1, 0], [0, 1]], [[1, 0], [0, 1]]
    data = rows([(0, 0), (1, 0)] * 20, 2, 2)
    margin = attack_vectors(
        np.float32(users),
        np.float32(items),
        data,
        fgsm(0.1, relative=False),
        seed=0,
        objective="margin",
    )
    # The gradient of -(p0 . q0 - p0 . q1) by p0 is q1 - q0; user 1's margin is -1: none.
    np.testing.assert_allclose(margin.user_vectors[0], [1 - 0.1 / 2**0.5, 0.1 / 2**0.5], atol=1e-6)
    np.testing.assert_array_equal(margin.user_vectors[1], users[1])
    bpr = attack_vectors(
        np.float32(users), np.float32(items), data, fgsm(0.1, relative=False), seed=0
    )
    assert (bpr.user_vectors[1] != users[1]).any()
    with pytest.raises(ValueError, match="`objective` should be one of .*Received: 'fame'"):
        attack_vectors(
            np.float32(users),
            np.float32(items),
            data,
            fgsm(0.1, relative=False),
            seed=0,
            objective="fame",
        )


def test_small_steps_of_a_tenth_reach_the_edge_only_where_all_agree():
    # One user, one positive that is always item 0 of two: every gradient of p0 is q1 - q0 turned.
    data = rows([(0, 0)] * 30, 1, 2)
    users, _ = attacked([[1]], [[1], [0]], data, robustness.KINDS["bim"](0.5))
    assert users[0, 0] == pytest.approx(0.5)  # ten steps of .05 the same way


# The curve.


@pytest.fixture(scope="module")
def trained():
    """(model, training rows, evaluator): three groups of users and items, a tenth held out."""
    rng = np.random.default_rng(1)
    likes = rng.random((60, 45)) < np.where(
        np.arange(60)[:, None] % 3 == np.arange(45) % 3, 0.7, 0.05
    )
    pairs = np.argwhere(likes)
    held_out = rng.random(len(pairs)) < 0.1
    train, relevant = rows(pairs[~held_out], 60, 45), rows(pairs[held_out], 60, 45)
    model = MatrixFactorization(train, dim=8, seed=1)
    model.compile(optimizer=keras.optimizers.Adagrad(0.3))
    made = batches.in_blocks(batches.of_pairs(train, batch_size=64, seed=0), 50)
    model.fit(made.dataset(0), steps_per_epoch=made.steps_per_epoch, epochs=30, verbose=0)
    return model, train, RankingEvaluator(train, relevant, ks=(10,))


@pytest.mark.slow
def test_the_adversary_does_harm_that_grows_and_noise_of_its_size_does_less(trained):
    curve = robustness_curve(*trained, (0.2, 0.5), relative=True, kinds=list(robustness.KINDS))
    noises = [  # one draw may hit harder than half an attack
        robustness_curve(*trained, (0.2, 0.5), relative=True, kinds=["random"], seed=seed)
        for seed in range(8)
    ]
    noise = {
        size: np.mean([drawn.relative_losses("random")[size] for drawn in noises])
        for size in (0.2, 0.5)
    }
    for kind in ("fgsm", "bim", "pgd", "cw"):
        adversary = curve.relative_losses(kind)
        assert 0.1 < adversary[0.2] < adversary[0.5], kind
        assert noise[0.2] < adversary[0.2] / 2 and noise[0.5] < adversary[0.5] / 2, kind


def test_several_steps_climb_the_loss_higher_than_one_and_noise_hardly_at_all(trained):
    model, train, _ = trained
    users, items = vectors_of(model)

    def loss(users, items):
        """BPR of the training rows against every item."""
        scores = users @ items.T
        positive = scores[train.user_index, train.item_index]
        return np.logaddexp(0, scores[train.user_index] - positive[:, None]).mean()

    clean = loss(users, items)

    def gain(kind, seed=0):
        budget = robustness.KINDS[kind](0.5, relative=True)
        return loss(*attacked(users, items, train, budget, seed)) - clean

    noise = np.mean([gain("random", seed) for seed in range(8)])
    assert gain("pgd") > gain("fgsm") > 10 * abs(noise)


def test_a_curve_has_a_point_for_each_kind_and_budget_and_becomes_json(trained):
    curve = robustness_curve(*trained, (0.0, 1.0), kinds=("random", "fgsm"))
    found = [(point.kind, point.epsilon) for point in curve.points]
    assert found == [("random", 0.0), ("random", 1.0), ("fgsm", 0.0), ("fgsm", 1.0)]
    assert (curve.metric, curve.relative) == ("ndcg@10", True)
    for point in curve.points:
        fraction = point.metrics["ndcg@10"] / curve.clean["ndcg@10"]
        assert point.relative_loss == pytest.approx(1 - fraction)
    unmoved = curve.points[0]
    assert unmoved.relative_loss == 0 and unmoved.metrics == curve.clean
    assert json.loads(json.dumps(dataclasses.asdict(curve)))["points"][3]["kind"] == "fgsm"


def test_a_curve_starts_from_the_models_own_ranking_and_leaves_the_model_as_it_is(trained):
    model, _, evaluator = trained
    before = evaluator.evaluate(model).metrics
    curve = robustness_curve(*trained, (1.0,), kinds=("fgsm",), metric="mrr")
    assert curve.clean == before == evaluator.evaluate(model).metrics
    assert curve.points[0].relative_loss == pytest.approx(
        1 - curve.points[0].metrics["mrr"] / before["mrr"]
    )


def test_columns_beside_the_factors_are_attacked_too(trained):
    model, train, evaluator = trained
    with_prior = with_popularity_prior(
        model.user_vectors(), model.item_vectors(), train, scale=1.0, prior_max_history=1000
    )
    users, items = vectors_of(with_prior)
    assert users.shape[1] == model.user_vectors().shape[1] + 1
    moved = (
        attack_vectors(users, items, train, fgsm(1.0, relative=False), seed=0).item_vectors - items
    )
    assert np.abs(moved[:, -1]).max() > 0.01
    curve = robustness_curve(with_prior, train, evaluator, (1.0,), kinds=("fgsm",))
    assert curve.clean == evaluator.evaluate(with_prior).metrics


@pytest.mark.parametrize(
    ("epsilons", "settings", "message"),
    [
        ((0.1,), {"kinds": ("fgsm", "best")}, "`kinds` should be of .*Received: 'best'"),
        ((0.1,), {"metric": "ndcg@7"}, "`metric` should be one of ndcg@10, .*'ndcg@7'"),
        ((0.1, -1.0), {}, "`epsilon` should be >= 0. Received: -1.0"),
    ],
)
def test_a_curve_of_unknown_things_is_refused(trained, epsilons, settings, message):
    with pytest.raises(ValueError, match=message):
        robustness_curve(*trained, epsilons, **settings)


def test_a_model_without_vectors_or_without_a_hit_is_refused(trained):
    _, train, evaluator = trained
    with pytest.raises(ValueError, match="`model` should have `user_vectors`.*Received: object"):
        robustness_curve(object(), train, evaluator, (0.1,))
    silent = VectorRecommender(
        user_vectors=np.zeros((60, 2), np.float32),
        item_vectors=np.zeros((45, 2), np.float32),
        unknown_user=np.zeros(2, np.float32),
        interactions=train,
    )
    with pytest.raises(ValueError, match="ndcg@10 > 0 without an attack. Received: 0.0"):
        robustness_curve(silent, train, evaluator, (0.1,))
