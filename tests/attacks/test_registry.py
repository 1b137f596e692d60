import re

import pytest

from advrec_tf.attacks.registry import ATTACKS, FAMILIES


def test_names_are_words_that_a_shell_takes():
    for name in ATTACKS:
        assert re.fullmatch(r"[a-z]+([-+][a-z]+)*", name), name


@pytest.mark.parametrize("name", ATTACKS)
def test_an_entry_builds_an_attack_with_the_budget_and_the_goal_it_names(name):
    entry = ATTACKS[name]
    attack = entry.build(num_profiles=8, num_fillers=5)
    assert (attack.num_profiles, attack.num_fillers) == (8, 5)
    assert entry.family in FAMILIES and entry.source
    inner = getattr(attack, "attack", attack)
    assert getattr(inner, "goal", "push") == entry.goal
