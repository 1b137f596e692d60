import dataclasses

import numpy as np
import pytest

from experiments.augmentation.setting import make_setting


def test_users_known_by_attributes_have_no_interaction_left(prepared):
    setting = make_setting("cold", prepared.interactions, 0)
    assert not setting.interactions.user_counts()[setting.cold.users].any()
    assert set(setting.tests) == {"withheld", "next item"}
    assert set(setting.tests["next item"].users) <= set(setting.cold.users)


def test_each_seed_cuts_its_own_fifth(prepared):
    users = [make_setting("sparse", prepared.interactions, seed).cold.users for seed in (0, 1, 0)]
    np.testing.assert_array_equal(users[0], users[2])
    assert set(users[0]) != set(users[1])
    setting = make_setting("sparse", prepared.interactions, 0)
    for count in (1, 3, 5):
        users = setting.groups[f"cut to {count}"]
        assert set(setting.interactions.user_counts()[users]) == {count}


def test_nobody_is_cut_for_the_long_tail_and_without_times_there_is_no_next_item(prepared):
    setting = make_setting("tail", prepared.interactions, 0)
    assert setting.interactions.user_counts().min() > 0 and list(setting.tests) == ["next item"]
    untimed = dataclasses.replace(prepared.interactions, timestamp=None)
    assert list(make_setting("tail", untimed, 0).tests) == ["random items"]
    with pytest.raises(ValueError, match="`part` should be one of"):
        make_setting("no such", untimed, 0)


def test_epochs_are_chosen_by_everybody_unless_the_cut_users_have_no_interactions(prepared):
    sparse = make_setting("sparse", prepared.interactions, 0)
    assert len(sparse.early_stopping.users) > len(sparse.validation.users)
    cold = make_setting("cold", prepared.interactions, 0)
    assert cold.early_stopping is cold.validation
