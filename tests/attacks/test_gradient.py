import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.attacks.gradient import GradientAttack, GradientSearch, pga, revadv
from advrec_tf.attacks.heuristic import AverageAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.attacks.surrogates import RetrainedSurrogate, SurrogateModel, objective_loss
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization

BUDGET = {"num_profiles": 4, "num_fillers": 8}
QUICK = GradientSearch(steps=12)
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


@pytest.mark.parametrize("attack", [pga, revadv])
@pytest.mark.parametrize("surrogate", MODELS)
def test_budgets_hold_after_the_last_step(attack, surrogate, ratings, eagerly):
    attack = attack(**BUDGET, search=QUICK, surrogate=SurrogateModel(kind=surrogate, dim=4))
    targets = np.array([0, 7])
    profiles = attack.profiles(ratings, targets, rng=np.random.default_rng(0))
    assert set(np.unique(profiles)) <= {0, 1, 2, 3, 4, 5} and profiles.dtype == np.float32
    assert (profiles[:, targets] == 5).all()
    assert (np.count_nonzero(np.delete(profiles, targets, 1), 1) == 8).all()
    again = attack.profiles(ratings, targets, rng=np.random.default_rng(0))
    assert np.array_equal(profiles, again)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.slow
def test_steps_raise_the_target_above_what_the_start_does(kind, ratings):
    seen = tf.constant(ratings.by_user().dense())

    def cost(attack):
        profiles = attack.profiles(ratings, [0], rng=np.random.default_rng(0))
        model = continued(kind, ratings, profiles, rounds=8)
        scores = model.score(tf.range(60))
        return float(objective_loss(scores, seen, tf.constant([0]), objective="softmax"))

    attack = revadv(
        **BUDGET,
        surrogate=SurrogateModel(kind=kind, dim=4, l2=2.0),
        search=GradientSearch(steps=30),
    )
    assert cost(attack) < cost(dataclasses.replace(attack, search=GradientSearch(steps=0))) - 0.05


def test_the_learning_rate_decides_which_fillers_are_exchanged(ratings):
    slow, fast = (
        pga(
            **BUDGET,
            surrogate=SurrogateModel(dim=4),
            search=GradientSearch(steps=6, trial_every=1, learning_rate=rate),
        ).profiles(ratings, [0], rng=np.random.default_rng(0))
        for rate in (0.01, 0.5)
    )
    start = average_profiles(ratings)
    assert np.array_equal(slow > 0, start > 0)  # six steps of .01 close no gap of .5
    assert not np.array_equal(fast > 0, start > 0)


def test_the_start_is_kept_where_no_trial_works_better(ratings, monkeypatch):
    trials = []

    def loss(self, profiles):
        trials.append(profiles)
        return float(len(trials))  # every trial is worse than the one before

    monkeypatch.setattr(RetrainedSurrogate, "loss", loss)
    search = GradientSearch(steps=4, trial_every=2)
    attack = pga(**BUDGET, surrogate=SurrogateModel(dim=4), search=search)
    profiles = attack.profiles(ratings, [0], rng=np.random.default_rng(0))
    assert len(trials) == 3 and profiles is trials[0]


def test_a_nuke_lowers_what_a_push_raises(ratings):
    level = {}
    for goal in ("push", "nuke"):
        attack = pga(
            **BUDGET,
            search=QUICK,
            surrogate=SurrogateModel(kind="ratings", dim=4, l2=2.0),
            goal=goal,
        )
        profiles = attack.profiles(ratings, [7], rng=np.random.default_rng(0))
        assert (profiles[:, 7] == (5 if goal == "push" else 1)).all()
        level[goal] = (
            continued("ratings", ratings, profiles).score(tf.range(60))[:, 7].numpy().mean()
        )
    assert level["push"] > level["nuke"] + 0.1


def test_settings_out_of_range_are_refused(implicit):
    for settings in ({"objective": "fame"}, {"unrolled": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(settings))}` should be"):
            GradientAttack(**BUDGET, **settings)
    for settings in ({"steps": -1}, {"trial_every": 0}, {"learning_rate": 0.0}):
        with pytest.raises(ValueError, match=f"`{next(iter(settings))}`"):
            GradientSearch(**settings)
    attack = pga(**BUDGET, surrogate=SurrogateModel(kind="ratings"))
    with pytest.raises(ValueError, match="'implicit' without ratings"):
        attack.profiles(implicit, [0], rng=np.random.default_rng(0))
