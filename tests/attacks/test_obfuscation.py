import numpy as np
import pytest

from advrec_tf.attacks.heuristic import AverageAttack, RandomAttack
from advrec_tf.attacks.obfuscation import MixedAttack, NoiseInjection, TargetShifting, UserShifting

TARGETS = np.array([0, 7])
BUDGET = {"num_profiles": 6, "num_fillers": 12}


def write(attack, interactions, targets=TARGETS, seed=0):
    return attack.profiles(interactions, targets, rng=np.random.default_rng(seed))


def test_noise_and_shifts_leave_targets_and_unrated_items_alone(ratings):
    unaltered = write(AverageAttack(**BUDGET), ratings)
    for wrapper in (NoiseInjection, UserShifting):
        same = write(wrapper(attack=AverageAttack(**BUDGET), factor=0.0), ratings)
        assert np.array_equal(same, unaltered)
        moved = write(wrapper(attack=AverageAttack(**BUDGET), factor=2.0), ratings)
        assert np.array_equal(moved > 0, unaltered > 0) and not np.array_equal(moved, unaltered)
        assert (moved[:, TARGETS] == 5).all()


def test_a_user_shift_moves_all_ratings_of_a_profile_one_way(ratings):
    unaltered = write(AverageAttack(num_profiles=50, num_fillers=30), ratings)
    attack = UserShifting(attack=AverageAttack(num_profiles=50, num_fillers=30), factor=2.0)
    moved = write(attack, ratings) - unaltered
    assert ((moved >= 0).all(1) | (moved <= 0).all(1)).all()


def test_target_shifting_moves_targets_one_level_inwards(ratings):
    base = {"num_profiles": 8, "num_fillers": 12}
    unaltered = write(AverageAttack(**base), ratings)
    shifted = write(TargetShifting(attack=AverageAttack(**base)), ratings)
    assert (shifted[:, TARGETS] == 4).all()
    assert np.array_equal(np.delete(shifted, TARGETS, 1), np.delete(unaltered, TARGETS, 1))
    half = write(TargetShifting(attack=AverageAttack(**base), fraction=0.5), ratings)
    assert sorted(half[:, 0]) == [4] * 4 + [5] * 4
    nuke = TargetShifting(attack=AverageAttack(**base, goal="nuke"))
    assert (write(nuke, ratings)[:, TARGETS] == 2).all()


def test_a_mixed_attack_divides_its_profiles_evenly():
    mixed = MixedAttack(attacks=tuple(a(**BUDGET) for a in (RandomAttack, AverageAttack)))
    assert mixed.num_profiles == 12 and mixed.num_fillers == 12
    sizes = [a.num_profiles for a in mixed.resized(num_profiles=5, num_fillers=3).attacks]
    assert sizes == [3, 2]
    with pytest.raises(ValueError, match="at least 2, one an attack. Received: 1"):
        mixed.resized(num_profiles=1, num_fillers=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoiseInjection(attack=RandomAttack(**BUDGET), factor=-1.0), "`factor`"),
        (lambda: UserShifting(attack=RandomAttack(**BUDGET), factor=float("nan")), "`factor`"),
        (lambda: TargetShifting(attack=RandomAttack(**BUDGET), fraction=1.5), "`fraction`"),
        (lambda: MixedAttack(attacks=()), "`attacks`"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
