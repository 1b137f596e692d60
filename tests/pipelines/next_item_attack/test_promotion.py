import numpy as np
import pytest

from advrec_tf.attacks.sequential.camouflage import Camouflage
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.pipelines.next_item_attack.promotion import (
    POISONINGS,
    Audience,
    attack_of,
    poisoned_training,
    usual_length,
)
from tests.attacks.sequential.test_pollution import HISTORIES, LastItem
from tests.worlds import interactions_of_histories

DATA = interactions_of_histories(*[[(u + i) % 8 for i in range(4)] for u in range(16)])
TARGET = np.array([9])  # that nobody has


def audience(model=None):
    histories = np.array([[u % 8, (u + 1) % 8] for u in range(8)], np.int32)
    return Audience(histories=histories, next_items=(histories[:, 1] + 1) % 8, targets=TARGET)


class MindsTheTarget:
    threshold = 0.5

    def suspicion(self, histories):
        return (np.asarray(histories) == 9).any(1).astype(float)

    def score(self, data):
        found = np.zeros(data.num_users)
        found[data.user_index[data.item_index == 9]] = 1.0
        return found


class Blind:
    threshold = 0.5

    def score(self, data):
        assert (data.user_counts() > 0).sum() == 30 + 5  # the fake users and some real ones
        return np.zeros(data.num_users)


def test_the_standing_is_a_mean_over_users_and_then_over_targets():
    asked = Audience(
        histories=HISTORIES, next_items=np.array([2, 3], np.int32), targets=np.array([4, 2])
    )
    # 4 stands in the second history and is not in the first list; 2 leads the first, and stands
    # in the second history
    assert asked.standing(LastItem(), k=1) == {"ndcg": 0.5, "target_hit_rate": 0.5}


def test_the_targets_come_in_turn():
    asked = Audience(
        histories=np.zeros([5, 2], np.int32), next_items=np.zeros(5, int), targets=np.array([4, 2])
    )
    assert asked.one_target_each().tolist() == [4, 2, 4, 2, 4]


@pytest.mark.parametrize("name", POISONINGS)
def test_fake_users_bring_a_target_into_lists_of_counted_transitions(name):
    fakes = attack_of(name, num_users=30, length=6)
    detectors = {"first": MindsTheTarget(), "blind": Blind()}
    poisoned, found = poisoned_training(DATA, fakes, TARGET, detectors=detectors, most=5)
    assert poisoned.num_users == DATA.num_users + 30
    auc = {"first": 1.0, "blind": 0.5}
    assert found == {"fakes_flagged": 1.0, "real_flagged": 0.0, "auc": auc}
    before, after = (
        audience().standing(Transitions().fit(data), k=2)["target_hit_rate"]
        for data in (DATA, poisoned)
    )
    # co-visitation has one anchor here, that of an eighth of the users; transitions buys them all
    assert before == 0.0 and after >= {"co-visitation": 1 / 8, "transitions": 1.0}.get(name, 0.0)


def test_the_adaptive_attack_is_given_the_detector():
    detector = MindsTheTarget()
    attack = attack_of("camouflage", 5, 4, detector)
    assert isinstance(attack, Camouflage) and attack.detector is detector
    for name, known in (("camouflage", None), ("x", detector)):
        with pytest.raises(ValueError, match="or camouflage beside a detector. Received: "):
            attack_of(name, 5, 4, known)


def test_fake_users_are_as_long_as_the_median_real_one_within_what_is_read():
    assert usual_length(DATA, 50) == 4 and usual_length(DATA, 3) == 3
    assert usual_length(interactions_of_histories([1], [2]), 50) == 2
