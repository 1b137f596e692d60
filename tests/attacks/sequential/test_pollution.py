import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.attacks.sequential.pollution import Goal, ProfilePollution
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from tests.worlds import interactions_of_histories


class LastItem:
    """After item i comes i + 1, of six items; the item two before counts a tenth."""

    table = np.roll(np.eye(6, dtype=np.float32), 1, axis=1)

    def score_history(self, histories):
        rows = np.asarray(histories)
        found = np.zeros([len(rows), 6], np.float32)
        for place, weight in ((-1, 4.0), (-2, 0.4)):
            there = rows[:, place] >= 0
            found[there] += weight * self.table[rows[there, place]]
        return tf.constant(found)


HISTORIES = np.array([[-1, 5, 0, 1], [3, 4, 3, 2]], np.int32)
TRUE = Goal(item=np.array([2, 3], np.int32))


def polluted(histories=HISTORIES, goal=TRUE, model=None, detector=None, seed=0, **settings):
    attack = ProfilePollution(**{"changes": 1, **settings})
    rng = np.random.default_rng(seed)
    return attack.histories(model or LastItem(), histories, goal, rng=rng, detector=detector)


def test_the_last_item_is_exchanged_for_one_that_leads_elsewhere():
    found = polluted(trials=1000)
    assert (found[:, :3] == HISTORIES[:, :3]).all() and (found[:, 3] != HISTORIES[:, 3]).all()
    assert HISTORIES[0].tolist() == [-1, 5, 0, 1]  # what was given stays


def test_a_target_is_promoted_by_the_item_before_it():
    goal = Goal(item=np.array([5, 0], np.int32), promote=True)
    assert polluted(goal=goal, trials=1000)[:, -1].tolist() == [4, 5]
    # two changes: the place before comes next
    found = polluted(goal=goal, trials=1000, changes=2)
    assert found[:, -2:].tolist() == [[4, 4], [5, 5]]


def test_an_item_is_put_in_last():
    goal = Goal(item=np.array([5, 0], np.int32), promote=True)
    found = polluted(goal=goal, kind="insert", trials=1000)
    assert found.tolist() == [[-1, 5, 0, 1, 4], [3, 4, 3, 2, 5]]


def test_the_item_that_leads_to_the_truth_is_taken_out():
    assert polluted(kind="delete", trials=1000).tolist() == [[-1, -1, 5, 0], [-1, 3, 4, 3]]


def test_the_goal_never_comes_into_a_history_and_a_useless_edit_is_not_made():
    for kind in ("substitute", "insert"):
        for seed in range(5):
            found = polluted(kind=kind, changes=3, search="random", seed=seed)
            assert not (found[0] == 2).any() and (found[1] == 3).sum() <= 2
    # the truth is as improbable as can be: no exchange gains
    goal = Goal(item=np.array([3, 0], np.int32))
    assert (polluted(goal=goal, kind="delete", trials=1000) == HISTORIES).all()


def test_the_budget_is_the_number_of_changed_places():
    for changes in (0, 1, 2, 3):
        found = polluted(search="random", changes=changes)
        assert ((found != HISTORIES).sum(1) == changes).all()


class NoFours:
    threshold = 0.5

    def suspicion(self, histories):
        return (np.asarray(histories) == 4).sum(1).astype(float)


def test_the_adaptive_attacker_makes_no_edit_that_the_detector_would_find():
    goal = Goal(item=np.array([5, 0], np.int32), promote=True)
    found = polluted(goal=goal, trials=1000, detector=NoFours())
    assert not (found[0] == 4).any()
    # the second history has a four already, which is no reason not to take the best
    assert found[1, -1] == 5


@pytest.fixture(scope="module")
def model():
    data = interactions_of_histories(*[[(u + i) % 6 for i in range(5)] for u in range(8)])
    size = EncoderSize(length=4, dim=8, blocks=1, heads=1, dropout=0.0)
    return published.sasrec(data, size=size)


@pytest.mark.parametrize("kind", ["substitute", "insert", "delete"])
def test_the_gradient_finds_edits_about_as_good_as_trying_all(model, kind):
    rng = np.random.default_rng(0)
    histories = rng.integers(0, 10, [16, 4]).astype(np.int32)
    goal = Goal(item=np.full(16, 11 % 10, np.int32))

    def gain(search, trials):
        found = polluted(histories, goal, model, kind=kind, search=search, trials=trials)
        return float(tf.reduce_mean(goal.gains(model.score_history(found))))

    start = float(tf.reduce_mean(goal.gains(model.score_history(histories))))
    best, few = gain("greedy", 1000), gain("gradient", 8)
    assert few - start > 0.5 * (best - start) > 0
    if kind != "insert":  # where an item is put in, the first order is a guess
        assert gain("gradient", 1) > start


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"kind": "swap"}, "`kind` should be one of"),
        ({"search": "best"}, "`search` should be one of"),
        ({"changes": -1}, "`changes` should be >= 0"),
        ({"search": "gradient"}, "`model` should have `item_rows`"),
        (
            {"goal": Goal(item=np.zeros(3, np.int32))},
            "`goal` should have one item, or an item for each of 2",
        ),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        polluted(**settings)


@pytest.mark.parametrize("kind", ["substitute", "insert", "delete"])
def test_after_each_edit_the_histories_are_those_of_that_budget(kind):
    attack = ProfilePollution(changes=3, kind=kind, search="random")
    after = list(attack.after_each(LastItem(), HISTORIES, TRUE, rng=np.random.default_rng(3)))
    assert len(after) == 4 and (after[0][:, -4:] == HISTORIES).all()
    for changes, found in enumerate(after):
        own = polluted(changes=changes, kind=kind, search="random", seed=3)
        assert (found[:, -own.shape[1] :] == own).all()
    empty = attack.after_each(
        LastItem(), HISTORIES[:0], Goal(item=TRUE.item[:0]), rng=np.random.default_rng(0)
    )
    assert [len(found) for found in empty] == [0, 0, 0, 0]


def test_one_target_for_all_histories_is_that_target_for_each():
    attack = ProfilePollution(changes=1)
    found = [
        attack.histories(
            LastItem(), HISTORIES, Goal(item=item, promote=True), rng=np.random.default_rng(0)
        )
        for item in (5, np.array([5, 5]))
    ]
    np.testing.assert_array_equal(*found)
    scores = tf.math.log([[0.25, 0.75], [0.5, 0.5]])
    assert np.exp(Goal(item=1, promote=True).gains(scores)).tolist() == pytest.approx([0.75, 0.5])
