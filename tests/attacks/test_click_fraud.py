import numpy as np
import pytest

from advrec_tf.attacks import click_fraud
from advrec_tf.data import click_times, synthetic
from advrec_tf.defence import timing

KINDS = [
    click_fraud.ScriptedBots,
    click_fraud.PacedBots,
    click_fraud.ClickFarm,
    click_fraud.CopiedSessions,
]


@pytest.fixture(scope="module")
def world():
    rows = synthetic.make_world(num_users=120, num_items=150, seed=0).interactions
    return click_times.in_sessions(rows, rng=np.random.default_rng(0))


@pytest.mark.parametrize("kind", KINDS)
def test_accounts_click_every_target_within_their_budget(kind, world):
    targets = np.array([3, 140])
    times = kind(num_accounts=5, num_clicks=12).events(world, targets, rng=np.random.default_rng(1))
    assert times.shape == (5, 150)
    assert ((~np.isnan(times)).sum(axis=1) == 12).all()
    assert not np.isnan(times[:, targets]).any()
    again = kind(num_accounts=5, num_clicks=12).events(world, targets, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(times, again)


@pytest.mark.parametrize("kind", KINDS)
def test_injected_accounts_are_new_users_at_their_own_times(kind, world):
    rng = np.random.default_rng(2)
    times = kind(num_accounts=3, num_clicks=8).events(world, np.array([3]), rng=rng)
    poisoned = click_fraud.inject_events(
        world, times, targets=np.array([3]), attack="bots", rng=rng
    )
    rows, first = poisoned.interactions, len(world)
    np.testing.assert_array_equal(rows.timestamp[:first], world.timestamp)
    account = rows.user_index[first:] - world.num_users
    np.testing.assert_array_equal(rows.timestamp[first:], times[account, rows.item_index[first:]])
    assert poisoned.is_fake.sum() == 3


def rhythm(kind, world, name, num_clicks=30):
    rng = np.random.default_rng(3)
    times = kind(num_accounts=8, num_clicks=num_clicks).events(world, np.array([3]), rng=rng)
    poisoned = click_fraud.inject_events(world, times, targets=np.array([3]), attack="x", rng=rng)
    clock = timing.Clock.of(world, day=86_400.0)
    return clock.columns(poisoned.interactions)[name][poisoned.is_fake], clock.columns(world)[name]


def test_scripted_bots_tick_like_a_clock_and_people_do_not(world):
    bots, people = rhythm(click_fraud.ScriptedBots, world, "burstiness")
    assert bots.max() < -0.9 < np.quantile(people, 0.01)


def test_a_farm_acts_in_lockstep_and_copied_sessions_do_not(world):
    farm, people = rhythm(click_fraud.ClickFarm, world, "lockstep", num_clicks=12)
    copied, _ = rhythm(click_fraud.CopiedSessions, world, "lockstep", num_clicks=12)
    assert farm.mean() > 5 * max(people.mean(), 0.01) and copied.mean() < 0.5 * farm.mean()


def test_budgets_that_cannot_be_are_refused(world):
    with pytest.raises(ValueError, match="`num_accounts` and `num_clicks`"):
        click_fraud.ScriptedBots(num_accounts=0, num_clicks=3)
    with pytest.raises(ValueError, match="`num_clicks` should be 2..150"):
        click_fraud.PacedBots(num_accounts=1, num_clicks=1).events(
            world, np.array([1, 2]), rng=np.random.default_rng(0)
        )


def test_times_in_sessions_keep_rows_order_and_waking_hours(world):
    before = synthetic.make_world(num_users=120, num_items=150, seed=0).interactions
    np.testing.assert_array_equal(before.item_index, world.item_index)
    for user in range(20):
        own = world.user_index == user
        order = np.argsort(before.timestamp[own], kind="stable")
        assert (np.diff(world.timestamp[own][order]) > 0).all()
    # Waking from 5..10 for 15 hours: nobody clicks from 1 to 5 but in a session that runs over.
    hour = np.mod(world.timestamp, 86_400.0) / 3600.0
    assert ((hour > 2) & (hour < 5)).mean() < 0.02
