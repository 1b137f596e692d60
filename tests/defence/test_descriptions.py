import pytest

from advrec_tf.defence.descriptions import ABOUT, about
from advrec_tf.defence.registry import DEFENCES, STRICTNESS


def test_every_registered_defence_has_a_sentence_of_its_own():
    said = [about(name) for name in DEFENCES]
    assert len(set(said)) == len(DEFENCES) and all(text.endswith(".") for text in said)
    used = {part for name in DEFENCES for part in name.split("+")} - {*STRICTNESS}
    assert used == {*ABOUT}  # none is about a defence that there is not


def test_a_control_is_not_described_as_what_it_controls():
    assert "random direction" in about("noise") and "Adversarial training" not in about("noise")
    assert about("apr").startswith("Adversarial training") and "three" not in about("apr")


def test_a_limit_and_the_parts_of_a_chain_are_said():
    plain = about("remove-suspicious-by-overlap")
    assert plain.endswith("the limit is 3.")
    assert about("remove-suspicious-by-overlap-at-2.5") == plain.replace("3.", "2.5.")
    chain = about("coherence-weights+rank-by-evidence")
    assert chain == f"{ABOUT['coherence-weights']} {ABOUT['rank-by-evidence']}"
    for unknown in ("nosuch", "apr-at-3"):
        with pytest.raises(KeyError):
            about(unknown)
