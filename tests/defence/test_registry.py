import re

import pytest

from advrec_tf.attacks.victims import TRAITS
from advrec_tf.defence.defences import Defence
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.defence.registry import (
    ABOUT,
    COHERENCE,
    DEFAULT,
    DEFENCES,
    DETECTORS,
    KINDS,
    STRICTNESS,
    about,
    default_for,
)


def test_every_defence_and_detector_of_the_tables_is_one():
    for name, defence in DEFENCES.items():
        assert isinstance(defence, Defence), name
        assert defence.needs <= {*TRAITS}, name
    for name, entry in DETECTORS.items():
        assert isinstance(entry.build(0), Detector) and entry.kind in KINDS, name


def test_names_are_words_that_a_shell_takes():
    for name in (*DEFENCES, *DETECTORS):
        assert re.fullmatch(r"[a-z0-9.]+([-+][a-z0-9.]+)*", name), name


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


def test_the_default_levels_counts_for_victims_that_say_how_they_hold_them():
    assert default_for({"counts", "gradient"}) == "coherence-weights+level-counts"
    assert default_for({"gradient"}) == default_for(frozenset()) == "coherence-weights"
    assert {DEFAULT, COHERENCE} <= set(DEFENCES)
