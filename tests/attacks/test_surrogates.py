import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.attacks.heuristic import AverageAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.attacks.surrogates import (
    AlternatingSurrogate,
    RetrainedSurrogate,
    SurrogateModel,
    objective_loss,
    squares_of,
    symmetric,
)
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization
from tests.worlds import interactions_of

BUDGET = {"num_profiles": 4, "num_fillers": 8}
MODELS = {"implicit": ImplicitFactorization, "ratings": BiasedFactorization}


def average_profiles(data, seed=0):
    return AverageAttack(**BUDGET).profiles(data, [0], rng=np.random.default_rng(seed))


def continued(kind, data, profiles, rounds=2):
    """(start, the model that goes on from it with the profiles as users)."""
    settings = {"dim": 4, "l2": 2.0}
    rng = np.random.default_rng(0)
    start = MODELS[kind](seed=0, **settings).fit(data)
    poisoned = inject(data, profiles, targets=[0], attack="x", rng=rng)
    return MODELS[kind](epochs=rounds, **settings).fit(poisoned.interactions, start=start)


@pytest.mark.parametrize("kind", MODELS)
def test_the_unrolled_surrogate_is_the_model_trained_on_with_the_profiles(kind, ratings):
    profiles = average_profiles(ratings)
    surrogate = AlternatingSurrogate(ratings, SurrogateModel(kind=kind, dim=4, l2=2.0))
    rated = tf.constant((profiles > 0).astype(np.float32))
    users, items = surrogate.unrolled(tf.constant(profiles), rated, surrogate.items, 2)
    model = continued(kind, ratings, profiles)
    if kind == "ratings":  # the surrogate keeps the mean of what it knows
        model_scores = model.score(tf.range(60)).numpy()
        found = surrogate.scores(users, items).numpy() + surrogate.mean
        np.testing.assert_allclose(found, model_scores, atol=0.25)
        assert np.corrcoef(found.ravel(), model_scores.ravel())[0, 1] > 0.999
    else:
        np.testing.assert_allclose(users, model.users[:60], atol=1e-4)
        np.testing.assert_allclose(items, model.items, atol=1e-4)


def test_half_of_a_symmetric_matrix_is_the_whole_of_it():
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    halves = squares_of(tf.constant(vectors))
    assert halves.shape == (3, 10)
    whole = vectors[:, :, None] * vectors[:, None, :]
    assert symmetric(halves, 4).numpy().tolist() == whole.tolist()


def test_gradients_through_the_surrogate_agree_with_differences(ratings):
    profiles = tf.constant(average_profiles(ratings))
    rated = tf.cast(profiles > 0, tf.float32)
    seen = tf.constant(ratings.by_user().dense())
    for kind in MODELS:
        surrogate = AlternatingSurrogate(ratings, SurrogateModel(kind=kind, dim=3, l2=2.0))

        def loss(profiles, rated, surrogate=surrogate):
            users, items = surrogate.unrolled(profiles, rated, surrogate.items, 2)
            scores = surrogate.scores(users, items)
            return objective_loss(scores, seen, tf.constant([0]), objective="score")

        with tf.GradientTape() as tape:
            tape.watch([profiles, rated])
            value = loss(profiles, rated)
        gradients = tape.gradient(value, [profiles, rated], unconnected_gradients="zero")
        for which, gradient in enumerate(gradients):
            if kind == "implicit" and which == 0:
                assert not np.any(gradient)  # ratings are not read
                continue
            cell = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
            step = np.zeros(gradient.shape, np.float32)
            step[cell] = 0.05
            ends = []
            for sign in (1, -1):
                at = [profiles, rated]
                at[which] = at[which] + sign * step
                ends.append(float(loss(*at)))
            slope = (ends[0] - ends[1]) / 0.1
            assert gradient.numpy()[cell] == pytest.approx(slope, rel=0.05)


def test_the_gradient_of_a_filler_is_the_one_worked_by_hand():
    # Factors of one number: item 0 has q = 1, items 1 and 2 (the target) 0; alpha = l2 = 1.
    # The user with item 0:                 p = 2 / (1 + 1 + 1) = 2/3.
    # The fake with x of item 0, 1 of 2:    f = 2x / (1 + x + 1), 2/3 at x = 1; df/dx = 4/9.
    # The target, rated by the fake alone:  q = 2f / (p^2 + f^2 + f^2 + 1) = 4/7;
    #                                       dq/df = 2 (p^2 - 2f^2 + 1) / (21/9)^2 = 10/49.
    # So the user's score of the target is 8/21 and rises by 2/3 * 10/49 * 4/9 = 80/1323.
    data = interactions_of([(0, 0)], 1, 3)
    surrogate = AlternatingSurrogate(data, SurrogateModel(dim=1, l2=1.0, alpha=1.0))
    rated = tf.constant([[1.0, 0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(rated)
        users, items = surrogate.unrolled(rated, rated, tf.constant([[1.0], [0.0], [0.0]]), 1)
        loss = objective_loss(
            surrogate.scores(users, items),
            tf.constant([[1.0, 0, 0]]),
            tf.constant([2]),
            objective="score",
        )
    assert float(loss) == pytest.approx(-8 / 21, rel=1e-5)
    assert tape.gradient(loss, rated)[0, 0].numpy() == pytest.approx(-80 / 1323, rel=1e-4)


def test_objectives_are_those_worked_by_hand():
    # user 1 has rated the target 0; user 0: target 1, others 3 and 0 (seen) and -1
    scores = tf.constant([[1.0, 3, 0, -1], [9, 0, 0, 0]])
    seen = tf.constant([[0.0, 0, 1, 0], [1.0, 0, 0, 0]])
    spread = math.sqrt((1 + 9 + 0 + 1) / 4 - (3 / 4) ** 2)
    settings = {"depth": 1, "temperature": 1.0}

    def value(objective):
        return float(
            objective_loss(scores, seen, tf.constant([0]), objective=objective, **settings)
        )

    assert value("score") == pytest.approx(-1.0)
    total = sum(math.exp(s / spread) for s in (1, 3, -1))
    assert value("softmax") == pytest.approx(math.log(total) - 1 / spread, rel=1e-5)
    assert value("hit") == pytest.approx(1 / (1 + math.exp(-2 / spread)), rel=1e-5)
    assert value("margin") == pytest.approx(math.log1p(math.exp(2 / spread)), rel=1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_the_loss_of_a_trial_is_that_of_the_model_trained_to_convergence(kind, ratings):
    profiles = average_profiles(ratings)
    settings = SurrogateModel(kind=kind, dim=4, l2=2.0)
    surrogate = RetrainedSurrogate(
        ratings, np.array([0]), settings.fitting(ratings, seed=0), objective="score"
    )
    model = MODELS[kind](dim=4, l2=2.0)
    poisoned = inject(ratings, profiles, targets=[0], attack="x", rng=np.random.default_rng(0))
    start = MODELS[kind](dim=4, l2=2.0).fit(ratings) if kind == "ratings" else None
    model.fit(poisoned.interactions, start=start)
    scores = model.score(tf.range(60)).numpy()[:, 0]
    rated = ratings.user_index[ratings.item_index == 0]
    mean = np.delete(scores, rated).mean()
    assert surrogate.loss(profiles) == pytest.approx(-mean, abs=1e-4)


def test_a_trial_takes_any_fitting_function(ratings):
    # every user's score of an item is its number of interactions: a push of 4 fakes adds 4
    def popularity(interactions):
        counts = interactions.item_counts().astype(np.float32)
        return lambda users: np.tile(counts, (len(users), 1))

    surrogate = RetrainedSurrogate(ratings, np.array([0]), popularity, objective="score")
    before = ratings.item_counts()[0]
    assert surrogate.loss(average_profiles(ratings)) == -(before + 4)


def test_surrogates_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`kind` should be one of"):
        SurrogateModel(kind="trees")
    for settings in ({"dim": 0}, {"l2": 0.0}, {"alpha": 0.0}):
        with pytest.raises(ValueError, match=f"`{next(iter(settings))}`"):
            SurrogateModel(**settings)
    assert SurrogateModel().weight_of_norms == 1.0
    assert SurrogateModel(kind="ratings").weight_of_norms == 4.0
