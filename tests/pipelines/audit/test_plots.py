import base64

import pytest

from advrec_tf.pipelines.audit import plots

NAMES = ("accuracy", "exposure", "evasion", "poisoning", "fairness")


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_is_a_whole_picture(report, name):
    section = "lists" if name == "exposure" else name
    shown = [
        (model["name"], model["sections"][section])
        for model in report["models"]
        if "not_possible" not in model["sections"][section]
    ]
    head, content = getattr(plots, name)(shown).split(",")
    assert head == "data:image/png;base64"
    content = base64.b64decode(content)
    assert content.startswith(b"\x89PNG") and content.endswith(b"IEND\xaeB`\x82")


def test_a_name_is_cut_at_its_beginning_and_never_a_formula():
    assert plots._short("short") == "short"
    assert plots._short("x" * 30 + "end") == "..." + "x" * 18 + "end"
    assert plots._short("$a$") == r"\$a\$"
