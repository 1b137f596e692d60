import json
from pathlib import Path

import pytest

from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.stages import StageStore
from experiments.robustness_grid import figures, page, study
from experiments.robustness_grid.__main__ import COUNTS, LISTS, render
from experiments.robustness_grid.cells import DEFAULTS, GridSettings
from tests.pipelines.attack.conftest import make_setting

SETTINGS = GridSettings(
    names={
        "attacks": ("none", "random", "nuke-average"),
        "victims": ("biased_mf", "ease"),
        "transfer_attacks": ("random",),
        "transfer_victims": ("popularity",),
        "informed_attacks": ("average",),
        "informed_victims": ("wrmf",),
        "defences": ("none", "least-trimmed-squares"),
        "defended_victims": ("biased_mf", "ease"),
        "defended_attacks": ("random",),
        "strictness": ("remove-suspicious-by-overlap", "remove-suspicious-by-overlap-at-6"),
        "strict_attacks": ("average",),
        "hardened_victims": (),
        "sized_attacks": ("random",),
        "sized_victims": ("ease",),
        "curve_victims": ("wrmf",),
        "groups": ("tail",),
    },
    targets=1,
    other_targets=1,
    size=0.1,
    seeds=1,
)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    store = StageStore(tmp_path_factory.mktemp("run"), {})
    return {"command": "python it"} | study.run(CellRunner(make_setting(), store), SETTINGS)


@pytest.mark.slow
def test_the_page_has_every_part_and_names_what_it_left_out(report):
    text = page.markdown(report, Path("docs/results/robustness-x.md"))
    assert "Made by `python it`." in text and "shifted" not in text
    assert (
        "### biased_mf" in text
        and "| least-trimmed-squares | " in text
        and "Left out: 2 cells" in text
    )
    assert "| wrmf | linf | cw |" in text and "| wrmf | l2 | random |" in text
    assert "## Trade-off" in text and "| remove-suspicious-by-overlap-at-6 | " in text
    assert "### ease, tail targets" in text
    assert "## Transfer" in text and "| attack | white | gray | black |" in text
    assert "nuke" not in text  # without a popular target nothing can fall
    assert "Not asked for, so not on this page: hardening." in text


@pytest.mark.slow
def test_shifted_ratings_are_stated(report):
    text = page.markdown({**report, "shift": 1.0}, Path("x.md"))
    assert "Ratings were shifted by +1, so that the lowest is 1" in text


@pytest.mark.slow
def test_a_page_is_written_again_from_its_report_with_its_plots(report, tmp_path):
    stored = json.loads(json.dumps(report))
    path = tmp_path / "results" / "robustness-x.md"
    text = render(stored, path)
    assert text == page.markdown(report, path)
    drawn = {p.name for p in (tmp_path / "images").iterdir()}
    assert drawn == {f"robustness-x-{name}.png" for name in figures.plots(report)}
    assert all(f"(../images/{name})" in text for name in drawn)


def test_every_list_and_count_of_the_settings_is_an_option():
    assert [*LISTS] == [*DEFAULTS]
    assert {*COUNTS, "names", "size"} == {*GridSettings.__dataclass_fields__}
