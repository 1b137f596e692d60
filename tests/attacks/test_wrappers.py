import dataclasses

from advrec_tf.attacks.heuristic import RandomAttack
from advrec_tf.attacks.wrappers import WrappedAttack


def test_a_wrapped_attack_has_the_budget_of_the_inner_one():
    attack = WrappedAttack(attack=RandomAttack(num_profiles=3, num_fillers=5))
    assert (attack.num_profiles, attack.num_fillers) == (3, 5)


def test_resizing_resizes_the_inner_attack_and_keeps_the_settings_of_the_wrapper():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Named(WrappedAttack):
        name: str

    smaller = Named(attack=RandomAttack(num_profiles=3, num_fillers=5), name="x").resized(
        num_profiles=1, num_fillers=2
    )
    assert smaller.name == "x"
    assert smaller.attack == RandomAttack(num_profiles=1, num_fillers=2)
