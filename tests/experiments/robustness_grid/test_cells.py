import dataclasses

import pytest

from experiments.robustness_grid.cells import DEFAULTS, GridSettings, cells_of
from tests.pipelines.attack.conftest import make_setting


def test_learned_attacks_have_other_seeds_and_demoting_ones_popular_targets_alone():
    setting = dataclasses.replace(make_setting(), targets={"tail": (0, 1), "popular": (20, 21, 22)})
    settings = GridSettings(
        names={
            "attacks": ("none", "random", "aush", "nuke-average"),
            "other_attacks": ("random",),
            "victims": ("ease",),
            "groups": ("tail", "popular"),
        },
        targets=2,
        other_targets=1,
        seeds=3,
        other_seeds=1,
    )
    of = {}
    for cell in cells_of(settings, setting)["attacks"]:
        of.setdefault(cell.attack, []).append((cell.target, cell.seed))
    assert of["aush"] == [(0, 0), (1, 0)]
    assert of["random"] == [(t, s) for s in range(3) for t in (0, 1)] + [(20, s) for s in range(3)]
    assert of["nuke-average"] == [(20, 0), (20, 1), (20, 2)]


def test_defences_stand_on_the_groups_asked_for_or_on_the_first():
    setting = dataclasses.replace(make_setting(), targets={"tail": (0, 1), "popular": (20, 21, 22)})
    for groups, expected in (
        ((), {("tail", 0), ("tail", 1)}),
        (("popular", "tail"), {("popular", 20), ("popular", 21), ("tail", 0), ("tail", 1)}),
    ):
        names = {"groups": ("tail", "popular"), "defended_groups": groups}
        found = cells_of(GridSettings(names=names, other_targets=2), setting)
        for part in ("defences", "trade_off"):
            assert {(cell.group, cell.target) for cell in found[part]} == expected
        assert {cell.defence for cell in found["trade_off"]} == {*DEFAULTS["strictness"]}


def test_groups_of_targets_that_the_data_lack_are_refused():
    with pytest.raises(ValueError, match="`groups` should name one of tail, .*: published"):
        cells_of(GridSettings(names={"groups": ("published",)}), make_setting())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 50.0}, r"`size` should be a fraction in \(0, 1\]. Received: 50"),
        ({"names": {"attacks": ("x",)}}, "`attacks` should be of .*Received: 'x'"),
        ({"names": {"sized_attacks": ("adaptive",)}}, "`sized_attacks` .*Received: 'adaptive'"),
        ({"names": {"informed_victims": ("ease",)}}, "`informed_victims` .*Received: 'ease'"),
        ({"names": {"dreams": ()}}, "`names` should hold lists of attacks, .*Received: 'dreams'"),
    ],
)
def test_what_the_grid_cannot_span_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GridSettings(**settings)
