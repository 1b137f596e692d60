import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.attacks.heuristic import AverageAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.attacks.victims import TRAITS, VICTIMS, thinned
from advrec_tf.data.readers.shilling import load_shilling
from advrec_tf.evaluation.attack_effect import ManipulationEvaluator


@pytest.fixture(scope="module")
def poisoned(ratings):
    rng = np.random.default_rng(0)
    attack = AverageAttack(num_profiles=12, num_fillers=10)
    return inject(ratings, attack.profiles(ratings, [0], rng=rng), targets=[0], attack="a", rng=rng)


@pytest.mark.parametrize("name", ["biased_mf", "wrmf", "popularity", "item_knn", "ease"])
def test_a_victim_trained_again_scores_the_real_users_and_the_pushed_item_rises(
    name, ratings, poisoned
):
    victim = VICTIMS[name]
    clean = victim.train(ratings, seed=0)
    start = clean if victim.warm else None
    attacked = victim.train(poisoned.interactions, seed=0, start=start)
    evaluator = ManipulationEvaluator(ratings, [0])
    before, after = evaluator.standing(clean), evaluator.standing(attacked)
    assert evaluator.metrics(after, before)["prediction_shift"] > 0
    assert attacked.score(tf.range(72)).shape == (72, 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mf_bpr", "apr", "two_tower", "autoencoder"])
def test_a_victim_trained_by_gradients_takes_weights_and_starts(name, ratings, poisoned):
    victim = VICTIMS[name]
    data = poisoned.interactions
    clean = victim.train(ratings, seed=0)
    weight = (~poisoned.fake_interactions()).astype(np.float32)
    attacked = victim.train(data, seed=0, start=clean, weight=weight)
    assert np.isfinite(attacked.score(tf.range(72))).all()


def test_rows_of_weight_zero_are_left_out_and_of_weight_one_kept(ratings):
    weight = (np.arange(len(ratings)) % 2).astype(np.float32)
    kept = thinned(ratings, weight, 0)
    assert np.array_equal(kept.item_index, ratings.item_index[weight > 0])
    assert kept.num_users == ratings.num_users and thinned(ratings, None, 0) is ratings
    half = thinned(ratings, np.full(len(ratings), 0.5), 0)
    assert 0.4 < len(half) / len(ratings) < 0.6


def test_what_a_victim_has_no_use_for_is_refused(ratings, implicit):
    train = VICTIMS["wrmf"].train
    with pytest.raises(ValueError, match="wrmf is not trained by gradients"):
        train(ratings, seed=0, wrap=lambda model: model)
    with pytest.raises(ValueError, match="`trim` should be 0 for wrmf"):
        train(ratings, seed=0, trim=0.1)
    with pytest.raises(ValueError, match="should have ratings for biased_mf"):
        VICTIMS["biased_mf"].train(implicit, seed=0)
    for weight in (np.ones(3), np.full(len(ratings), 1.5), np.full(len(ratings), np.nan)):
        with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
            train(ratings, seed=0, weight=weight)
    assert set().union(*(v.traits for v in VICTIMS.values())) == set(TRAITS)
    assert dataclasses.replace(VICTIMS["ease"], name="x").name == "x"


def test_a_victim_with_a_count_has_it_in_a_known_form_and_others_say_why_not(ratings):
    for victim in VICTIMS.values():
        assert ("counts" in victim.traits) != bool(victim.lacks.get("counts")), victim.name
    for name in ("item_knn", "ease"):
        assert VICTIMS[name].train(ratings, seed=0).count_law is not None
    assert VICTIMS["wrmf"].train(ratings, seed=0).count_law is None


def test_item_knn_of_weighted_data_recommends_by_the_whole_profile(ratings):
    weight = np.ones(len(ratings), np.float32)
    weight[ratings.user_index == 3] = 0.0
    victim = VICTIMS["item_knn"]
    other = ratings.select(ratings.user_index != 3)
    held = ratings.by_user()[3]
    found = victim.train(ratings, seed=0, weight=weight).score(tf.constant([3]))
    padded = tf.constant([held], tf.int32)
    expected = victim.train(other, seed=0).score_history(padded)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def published(data_root, attack_of, seeds=2):
    """Target hit rate at 10 after an attack on each of the authors' targets."""
    known = load_shilling("ml100k", data_root)
    train = known.split.train
    rates = []
    for seed in range(seeds):
        clean = VICTIMS["biased_mf"].train(train, seed=seed)
        for target in known.published_targets:
            rng = np.random.default_rng(seed)
            profiles = attack_of(known, target).profiles(train, [target], rng=rng)
            rows = inject(train, profiles, targets=[target], attack="x", rng=rng).interactions
            attacked = VICTIMS["biased_mf"].train(rows, seed=seed, start=clean)
            evaluator = ManipulationEvaluator(train, [target])
            found = evaluator.metrics(evaluator.standing(attacked))
            rates.append(found["target_hit_rate@10"])
    return np.mean(rates)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rate"), [("random", 0.070), ("average", 0.195), ("segment", 0.294)]
)
def test_heuristic_attacks_reproduce_the_reference(name, rate, data_root):
    from advrec_tf.attacks.heuristic import RandomAttack, SegmentAttack

    def attack_of(known, target):
        budget = {"num_profiles": 50, "num_fillers": 90}
        if name == "segment":
            return SegmentAttack(**budget, segment=tuple(known.segments[target].tolist()))
        return {"random": RandomAttack, "average": AverageAttack}[name](**budget)

    assert published(data_root, attack_of) == pytest.approx(rate, abs=0.04)
