import re

from advrec_tf.defence.defences import Defence
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.defence.registry import DEFENCES, DETECTORS, KINDS


def test_every_defence_and_detector_of_the_tables_is_one():
    for name, defence in DEFENCES.items():
        assert isinstance(defence, Defence), name
        assert defence.needs <= {"ratings", "gradient", "als", "subsets"}, name
    for name, entry in DETECTORS.items():
        assert isinstance(entry.build(0), Detector) and entry.kind in KINDS, name


def test_names_are_words_that_a_shell_takes():
    for name in (*DEFENCES, *DETECTORS):
        assert re.fullmatch(r"[a-z0-9.]+([-+][a-z0-9.]+)*", name), name
