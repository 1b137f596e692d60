import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.evaluation.feature_robustness import attack_item_features
from advrec_tf.perturbations import Perturbation, fgsm, pgd


def same(features):
    return features


def world(seed=0):
    """(tower of features 6 -> 4, features [30, 6], users [50, 4])."""
    rng = np.random.default_rng(seed)
    tower = keras.Sequential(
        [
            keras.layers.Dense(
                8, activation="tanh", kernel_initializer=keras.initializers.GlorotUniform(seed=1)
            ),
            keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(seed=2)),
        ]
    )
    features = rng.normal(size=(30, 6)).astype(np.float32)
    tower(features)
    users = rng.normal(size=(50, 4)) + [1.5, 0, 0, 0]  # a taste that most share
    return tower, features, users.astype(np.float32)


def hits(vectors, users, target, k=10):
    scores = users @ vectors.T
    return ((scores >= scores[:, [target]]).sum(1) <= k).mean()


def test_one_step_goes_along_the_users_who_are_worked_by_hand():
    # Vectors are features. The bar of both users is item 0: 1 and 0; target 1 scores 0 and 0.
    # Gradient of -softplus(m - s) by the target is sigmoid(m - s) of each user times its vector:
    # sigmoid(1) (1, 0) + sigmoid(0) (0, 1) = (.731, .5), of length .886.
    features = np.float32([[1, 0], [0, 0]])
    users = np.float32([[1, 0], [0, 1]])
    moved = attack_item_features(same, features, users, [1], fgsm(0.1, relative=False), depth=1)
    np.testing.assert_allclose(moved[1], [0.1 * 0.7311 / 0.8857, 0.1 * 0.5 / 0.8857], atol=1e-4)
    np.testing.assert_array_equal(moved[0], features[0])
    # The margin asks nothing more of the second user, who has 0 >= 0: all goes to the first.
    moved = attack_item_features(
        same, features, users, [1], fgsm(0.1, relative=False), depth=1, objective="margin"
    )
    np.testing.assert_allclose(moved[1], [0.1, 0], atol=1e-6)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_features_stay_in_their_ball_and_other_items_where_they_are(norm):
    _, features, _ = world()
    users = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    for budget in (pgd(0.3, norm=norm, relative=False), fgsm(0.3, norm=norm, relative=False)):
        moved = attack_item_features(same, features, users, [3, 8], budget)
        order = 2 if norm == "l2" else np.inf
        length = np.linalg.norm(moved - features, ord=order, axis=1)
        assert (length[[3, 8]] <= 0.3 + 1e-5).all() and (length[[3, 8]] > 0.2).all()
        assert not np.delete(length, [3, 8]).any()


def test_features_that_may_not_move_do_not():
    _, features, _ = world()
    users = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    parts = np.float32([1, 1, 0, 0, 1, 0])
    moved = attack_item_features(same, features, users, [3], pgd(0.5, relative=False), parts=parts)
    changed = moved[3] != features[3]
    assert changed.tolist() == [True, True, False, False, True, False]


def test_the_item_enters_lists_that_noise_of_its_size_does_not_open():
    tower, features, users = world()
    vectors = tower(features).numpy()
    # The best of those that are in no fifth of the lists.
    rates = [hits(vectors, users, item) for item in range(30)]
    target = max((rate, item) for item, rate in enumerate(rates) if rate < 0.2)[1]

    def after(budget, **settings):
        moved = attack_item_features(tower, features, users, [target], budget, **settings)
        return hits(moved, users, target)

    noise = after(Perturbation(epsilon=1.0, direction="random", relative=False))
    for objective in ("bpr", "margin"):
        assert (
            after(pgd(1.0, relative=False), objective=objective) > max(rates[target], noise) + 0.1
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"targets": [30]}, "`targets` should be distinct items, 0..29"),
        ({"targets": [1, 1]}, "`targets` should be distinct items"),
        ({"depth": 30}, r"`depth` should be in 1..29"),
        ({"objective": "fame"}, "`objective` should be one of"),
        ({"parts": np.ones(5)}, r"`parts` should have shape \(6,\). Received: \(5,\)"),
    ],
)
def test_settings_that_are_none_are_refused(settings, message):
    _, features, _ = world()
    settings = {"targets": [0], **settings}
    with pytest.raises(ValueError, match=message):
        attack_item_features(
            tf.identity, features, features, perturbation=fgsm(0.1, relative=False), **settings
        )
