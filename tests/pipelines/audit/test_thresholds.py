import re
from pathlib import Path

from advrec_tf.commands.application import COMMANDS, app
from advrec_tf.pipelines.audit.thresholds import CHECKS, SECTIONS


def test_every_check_has_a_section_a_sentence_and_a_remedy_that_exists():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {check.section for check in CHECKS} == set(SECTIONS)
    for check in CHECKS:
        assert check.side in ("at most", "at least")
        assert check.threat.endswith((".", ").")) and check.remedy.endswith(".")
        for command in re.findall(r"`advrec ([\w-]+)", check.remedy):
            assert command in COMMANDS, check.name


def test_options_in_remedies_exist():
    for check in CHECKS:
        for command, rest in re.findall(r"`advrec ([\w-]+)([^`]*)`", check.remedy):
            known = {name for a in app[command].assemble_argument_collection() for name in a.names}
            asked = set(re.findall(r"--[\w-]+", rest))
            assert asked <= known, (check.name, asked - known)


def test_the_guide_states_every_threshold_and_threat_model():
    guide = Path(__file__).parents[3] / "docs" / "guides" / "audit.md"
    text = guide.read_text(encoding="utf-8")
    for check in CHECKS:
        assert f"| `{check.name}` | {check.title} | {check.side} {check.threshold:g} |" in text
    for threat in SECTIONS.values():
        assert threat in " ".join(text.split())
