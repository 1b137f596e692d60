import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

pytest.importorskip("sklearn")

from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.heuristic import AverageAttack, RandomAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.data import batches
from advrec_tf.defence import defences
from advrec_tf.defence.adaptive import BestResponse, EvadingAttack
from advrec_tf.defence.defences import (
    Chain,
    Defence,
    DefendedRows,
    LeastTrimmedSquares,
    RemoveSuspicious,
    purified,
)
from advrec_tf.defence.detectors.base import Detector, flagged_users
from advrec_tf.defence.poisoning_training import erm_users, item_influence
from advrec_tf.defence.registry import DEFENCES, DETECTORS, KINDS, self_taught
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining


class ByLength(Detector):
    """Suspects long profiles: the share of the longest."""

    transductive = True

    def fit(self, interactions, is_fake=None):
        self.counts = interactions.user_counts()
        return self

    def scores_of(self, interactions):
        return self.counts / self.counts.max()


def by_length(seed):
    return ByLength()


def test_no_more_than_the_allowed_share_is_flagged():
    scores = np.array([0.9, 0.8, 0.7, 0.2, -np.inf])
    assert flagged_users(scores, threshold=0.5, most=1.0).tolist() == [1, 1, 1, 0, 0]
    assert flagged_users(scores, threshold=0.5, most=0.5).tolist() == [1, 1, 0, 0, 0]
    assert not flagged_users(scores, threshold=0.95, most=1.0).any()


def test_scrubbing_takes_out_the_rows_of_the_flagged_alone(world):
    before = world.fingerprint()
    rows = defences.RemoveSuspicious(detector=by_length, threshold=0.9, most=0.2).rows(
        world, seed=0
    )
    counts = world.user_counts()
    gone = counts >= 0.9 * counts.max()
    assert gone.any() and rows.interactions.num_users == world.num_users
    np.testing.assert_array_equal(rows.interactions.user_counts(), np.where(gone, 0, counts))
    assert world.fingerprint() == before


def test_a_row_weighs_what_its_user_is_trusted(rows_of):
    # Lengths 2 and 1: suspicion 1 and 1/2, trust 0 and (1/2)^2.
    rows = rows_of([(0, 0, 3.0), (0, 1, 3.0), (1, 0, 3.0)])
    found = defences.DownWeight(detector=by_length, power=2.0).rows(rows, seed=0)
    assert found.weight.tolist() == [0.0, 0.0, 0.25]
    assert found.interactions is rows


def test_weights_fall_in_a_line_from_what_is_trusted_to_what_is_not(rows_of):
    # Suspicion 1, 1/2 and 1/4: beyond, halfway between .75 and .25, and trusted.
    rows = rows_of([(u, i, 3.0) for u, length in enumerate((4, 2, 1)) for i in range(length)])
    weigh = defences.DownWeight(detector=by_length, trusted=0.25, distrusted=0.75, power=1.0)
    assert weigh.rows(rows, seed=0).weight.tolist() == [0.0] * 4 + [0.5] * 2 + [1.0]
    with pytest.raises(ValueError, match="`distrusted` should be > `trusted`"):
        defences.DownWeight(detector=by_length, trusted=1.0)


def test_ratings_that_habits_do_not_explain_weigh_less(rows_of):
    # Users 0-3 rate item 0 with 5 and item 1 with 1; user 4 rates item 1 with 1 as well.
    rows = rows_of(
        [(u, 0, 5.0) for u in range(4)] + [(u, 1, 1.0) for u in range(4)] + [(4, 1, 1.0)]
    )
    # Of all 9 rows 4 are fives. A rater's other row is a 1, one row of smoothing joins: the share
    # of fives expected at item 0 is (0 + 4/9) / 2 of four raters each: 8/9 in all, given are 4.
    assert purified(rows, slack=0.0)[:4].tolist() == pytest.approx([(8 / 9) / 4] * 4)
    # with one Poisson deviation more
    allowed = 8 / 9 + np.sqrt(8 / 9)
    assert purified(rows, slack=1.0)[0] == pytest.approx(allowed / 4)


def test_a_pushed_items_top_ratings_weigh_less_than_others(attacked):
    rows = attacked.interactions
    weight = purified(rows, slack=1.0)
    pushed = attacked.fake_rows() & (rows.item_index == 70)
    assert weight[pushed].mean() < 0.8 * weight[~attacked.fake_rows()].mean()


def test_the_influence_of_a_rating_is_the_change_of_the_risk(world):
    model = BiasedFactorization(dim=3, l2=2.0, epochs=30, seed=0).fit(world)
    user = np.append(np.full(3, 0.2), 0.1).astype(np.float32)
    rating = np.full(world.num_items, 4.0)
    influence = item_influence(model, world, user, rating)
    item, step = 5, 1e-3
    # The item's own regression with the new rating at a small weight, by finite difference.
    mine = world.item_index == item
    features = np.column_stack([model.users[world.user_index[mine], :-1], np.ones(mine.sum())])
    target = world.rating[mine] - model.mean - model.users[world.user_index[mine], -1]
    new, wanted = np.append(user[:-1], 1.0), 4.0 - model.mean - user[-1]

    def risk(weight):
        hessian = features.T @ features + 2.0 * np.eye(4) + weight * np.outer(new, new)
        vector = np.linalg.solve(hessian, features.T @ target + weight * new * wanted)
        return np.sum((target - features @ vector) ** 2)

    assert influence[item] == pytest.approx((risk(step) - risk(0.0)) / step, rel=0.05)


def test_erm_users_follow_the_others_and_change_no_row(world):
    added = erm_users(world, num_users=6, rounds=2, num_items=12, seed=0)
    assert added.num_users == world.num_users + 6
    np.testing.assert_array_equal(added.item_index[: len(world)], world.item_index)
    np.testing.assert_array_equal(added.rating[: len(world)], world.rating)
    assert (added.user_counts()[world.num_users :] == 12).all()
    again = erm_users(world, num_users=6, rounds=2, num_items=12, seed=0)
    assert again.fingerprint() == added.fingerprint()


def test_erm_users_rate_only_what_lowers_the_risk(world):
    added = erm_users(world, num_users=8, rounds=1, num_items=10, seed=0)
    model = BiasedFactorization(dim=16, epochs=4, seed=0).fit(world)
    counts = np.maximum(world.item_counts(), 1)
    means = np.bincount(world.item_index, world.rating, world.num_items) / counts
    wanted = np.clip(means + 1.0, 1, 5)
    influence = item_influence(model, world, model.users.mean(axis=0), wanted)
    assert (influence > 0).any()  # else there was nothing to choose
    chosen = added.item_index[len(world) :]
    assert (influence[chosen] < 0).all()
    # What lowers it most is chosen most.
    helpful = np.flatnonzero(influence < 0)
    assert influence[chosen].mean() < influence[helpful].mean()


def test_wrapping_trains_the_same_weights_and_scores_alike(world):
    model = MatrixFactorization(world, dim=4)
    wrapped = DEFENCES["APR"].wrap(model, defences.DefendedRows(interactions=world), seed=0)
    assert wrapped.model is model
    np.testing.assert_array_equal(wrapped.score(tf.range(3)), model.score(tf.range(3)))
    assert DEFENCES["none"].wrap(model, None, seed=0) is model


@pytest.mark.parametrize(
    "name",
    [
        "APR",
        "VAT",
        pytest.param("PGD", marks=pytest.mark.slow),
        pytest.param("noise", marks=pytest.mark.slow),
    ],
)
def test_adversarial_defences_train_in_blocks_with_row_weights(name, world):
    model = DEFENCES[name].wrap(MatrixFactorization(world, dim=4), None, seed=0)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    weight = (world.user_index != 0).astype(np.float32)
    data = batches.in_blocks(
        batches.of_pairs(world, batch_size=256, seed=0, sample_weight=weight), steps=4
    )
    before = model.user_vectors().copy()
    model.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=1, verbose=0)
    moved = np.abs(model.user_vectors() - before).max(axis=1)
    # A user of weight 0 does not move, the others do.
    assert moved[0] == 0.0 and (moved[1:] > 0).mean() > 0.9


def test_vulnerability_is_refused_where_it_cannot_be(world):
    with pytest.raises(ValueError, match="`vulnerability` should be >= 0"):
        AdversarialTraining(MatrixFactorization(world), fgsm(0.5), vulnerability=-1.0)
    with pytest.raises(ValueError, match="`vulnerability` should be >= 0"):
        AdversarialTraining(
            keras.Sequential([keras.layers.Embedding(3, 2)]), fgsm(0.5), vulnerability=1.0
        )


def test_every_defence_and_detector_of_the_tables_is_one(world):
    for name, defence in DEFENCES.items():
        assert isinstance(defence, defences.Defence), name
        assert defence.needs <= {"ratings", "gradient", "als"}, name
    for name, entry in DETECTORS.items():
        assert isinstance(entry.build(0), Detector) and entry.kind in KINDS, name


def test_an_evading_attack_keeps_the_least_suspicious_within_its_budget(world):
    @dataclasses.dataclass(frozen=True)
    class Growing:
        """Profile j of n rates j + 1 items."""

        num_profiles: int
        num_fillers: int = 5

        def resized(self, *, num_profiles, num_fillers):
            return Growing(num_profiles)

        def profiles(self, data, targets, *, rng):
            return np.tril(np.ones((self.num_profiles, data.num_items), np.float32))[::-1].copy()

    attack = EvadingAttack(attack=Growing(3), detector=by_length, pool=4)
    found = attack.profiles(world, np.array([0]), rng=np.random.default_rng(0))
    assert found.sum(axis=1).tolist() == [1, 2, 3]  # of 12, the detector suspects the long


def test_the_best_response_is_the_candidate_that_works_against_the_defence(world):
    # A defence that takes out profiles of more than 20 rows leaves the short attack alone.
    defence = defences.RemoveSuspicious(detector=by_length, threshold=0.9, most=1.0)
    longest = int(world.user_counts().max())
    long = RandomAttack(num_profiles=8, num_fillers=longest)
    short = AverageAttack(num_profiles=8, num_fillers=10)

    def surrogate(rows, defence, seed):
        return BiasedFactorization(dim=2, epochs=3, seed=seed).fit(
            rows.interactions, weight=rows.weight
        )

    attack = BestResponse(candidates=(long, short), defence=defence, surrogate=surrogate, pool=2)
    rng = np.random.default_rng(0)
    profiles, option, rates = attack.choose(world, np.array([70]), rng=rng)
    assert len(rates) == 4 and profiles.shape == (8, 80)
    inner = option.attack if isinstance(option, EvadingAttack) else option
    assert inner is short and max(rates) > rates[0]


def test_only_the_best_candidates_are_tried_in_their_evading_form(world):
    defence = defences.RemoveSuspicious(detector=by_length, threshold=np.inf)
    candidates = tuple(RandomAttack(num_profiles=4, num_fillers=n) for n in (5, 10, 15))

    def surrogate(rows, defence, seed):
        return BiasedFactorization(dim=2, epochs=1, seed=seed).fit(rows.interactions)

    for evading, tried in ((0, 3), (1, 4)):
        attack = BestResponse(
            candidates=candidates, defence=defence, surrogate=surrogate, evading=evading, pool=2
        )
        _, _, rates = attack.choose(world, np.array([70]), rng=np.random.default_rng(0))
        assert len(rates) == tried
    with pytest.raises(ValueError, match="`evading` should be >= 0"):
        dataclasses.replace(attack, evading=-1)


def test_candidates_of_different_budgets_are_refused():
    with pytest.raises(ValueError, match="one number of profiles"):
        BestResponse(
            candidates=(
                RandomAttack(num_profiles=2, num_fillers=3),
                RandomAttack(num_profiles=3, num_fillers=3),
            ),
            defence=DEFENCES["none"],
            surrogate=None,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halve(Defence):
    """Every row weighs half; the suspicion is told."""

    told: float = 0.0

    def rows(self, train, *, seed):
        return DefendedRows(
            interactions=train,
            weight=np.full(len(train), 0.5, np.float32),
            suspicion=np.full(train.num_users, self.told),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropFirst(Defence):
    """The rows of the first user go."""

    needs = frozenset({"ratings"})

    def rows(self, train, *, seed):
        return DefendedRows(interactions=train.select(train.user_index > 0))


def test_a_chain_hands_on_rows_multiplies_weights_and_keeps_the_first_suspicion(world):
    chain = Chain(defences=(DropFirst(), Halve(told=1.0), Halve(told=2.0)))
    found = chain.rows(world, seed=0)
    assert len(found.interactions) == int((world.user_index > 0).sum())
    assert (found.weight == 0.25).all() and (found.suspicion == 1.0).all()
    assert chain.needs == {"ratings"} and chain.detector is None
    assert Chain(defences=(RemoveSuspicious(detector=self_taught),)).detector is self_taught


def test_a_chain_cannot_take_rows_out_after_they_were_weighed(world):
    with pytest.raises(ValueError, match="Received: DropFirst after weights"):
        Chain(defences=(Halve(), DropFirst())).rows(world, seed=0)


@pytest.mark.parametrize("defences", [(), (LeastTrimmedSquares(),), (DEFENCES["APR"],)])
def test_a_chain_alters_rows_alone(defences):
    with pytest.raises(ValueError, match="`defences` should alter rows alone"):
        Chain(defences=defences)


def test_scrubbing_by_overlap_takes_copies_out_and_leaves_their_originals_mostly(large_world):
    world = large_world
    rng, targets = np.random.default_rng(2), np.array([70])
    profiles = CopyAttack(num_profiles=6, num_fillers=20).profiles(world, targets, rng=rng)
    poisoned = inject(world, profiles, targets=targets, attack="copy", rng=rng)
    found = DEFENCES["scrub by overlap"].rows(poisoned.interactions, seed=0)
    left = found.interactions.user_counts() > 0
    assert left[~poisoned.is_fake].mean() > 0.95
    assert left[poisoned.is_fake].mean() <= 0.17
