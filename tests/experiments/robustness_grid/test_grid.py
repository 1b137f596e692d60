import dataclasses
import functools

import numpy as np
import pytest

from advrec_tf.pipelines.attack.cell import Cell
from advrec_tf.pipelines.attack.runner import CellRunner, open_runner
from advrec_tf.pipelines.stages import StageStore
from experiments.robustness_grid import grid
from tests.pipelines.attack.conftest import make_setting

NOTHING = dict.fromkeys(
    ("other_attacks", "transfer_victims", "informed_victims", "hardened_victims"), ()
) | dict.fromkeys(("sized_victims", "curve_victims", "strictness"), ())
SMALLEST = grid.GridSettings(
    names=NOTHING
    | {
        "attacks": ("none", "random", "average"),
        "victims": ("biased_mf",),
        "defences": ("none",),
        "defended_victims": ("ease",),
        "defended_attacks": ("random",),
    },
    seeds=1,
    targets=2,
    other_targets=1,
)


def with_names(settings, **names):
    return dataclasses.replace(settings, names={**settings.names, **names})


def test_learned_attacks_have_other_seeds_and_demoting_ones_popular_targets_alone():
    setting = dataclasses.replace(make_setting(), targets={"tail": (0, 1), "popular": (20, 21, 22)})
    settings = grid.GridSettings(
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
    for cell in grid.cells_of(settings, setting)["attacks"]:
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
        found = grid.cells_of(grid.GridSettings(names=names, other_targets=2), setting)
        for part in ("defences", "trade_off"):
            assert {(cell.group, cell.target) for cell in found[part]} == expected
        assert {cell.defence for cell in found["trade_off"]} == {*grid.DEFAULTS["strictness"]}


def test_groups_of_targets_that_the_data_lack_are_refused():
    with pytest.raises(ValueError, match="`groups` should name one of tail, .*: published"):
        grid.cells_of(with_names(SMALLEST, groups=("published",)), make_setting())


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
        grid.GridSettings(**settings)


def test_cells_on_the_same_profiles_stay_together():
    cells = [
        Cell(attack=attack, victim=victim, target=0)
        for victim in ("biased_mf", "ease")
        for attack in ("random", "average", "segment")
    ]
    batches = grid.batches_of(cells, size=3)
    assert [[cell.attack for cell in batch] for batch in batches] == [
        ["random", "random", "average", "average"],
        ["segment", "segment"],
    ]
    assert sorted(cell for batch in batches for cell in batch) == sorted(cells)


def test_cells_that_do_not_fit_are_counted_with_their_reason(tmp_path):
    runner = CellRunner(make_setting(ratings=False), StageStore(tmp_path, {}))
    settings = with_names(SMALLEST, victims=("biased_mf",), defended_attacks=())
    report = grid.run(runner, settings)
    assert report["left_out"] == {"biased_mf needs ratings": 6}  # 3 attacks on 2 targets
    assert report["parts"]["attacks"] == [] and report["targets"] == {"tail": [0, 1]}
    assert [r["attack"] for r in report["parts"]["defences"]] == ["none"]


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"{u},{i},{rng.integers(1, 6)}"
        for u in range(40)
        for i in rng.choice(30, 12, replace=False)
    ]
    (tmp_path / "own.csv").write_text("\n".join(["user_id,item_id,rating", *lines]))
    return str(tmp_path / "own.csv")


def without_seconds(records):
    return [{n: v for n, v in record.items() if not n.endswith("seconds")} for record in records]


def test_cells_measured_in_other_processes_are_those_measured_here(path, tmp_path):
    lines = []
    opened = functools.partial(open_runner, path, rating_column="rating", per_group=2)
    here = grid.run(opened(run_dir=tmp_path / "here"), SMALLEST)
    there = tmp_path / "there"
    elsewhere = grid.run(
        opened(run_dir=there),
        SMALLEST,
        reopen=functools.partial(opened, run_dir=there, resume=True),
        workers=2,
        log=lines.append,
    )
    for part, records in here["parts"].items():
        assert without_seconds(elsewhere["parts"][part]) == without_seconds(records)
    assert lines[-1].startswith("  9/9 cells")


def test_a_process_that_fails_is_reported_and_what_is_done_is_kept(path, tmp_path):
    runner = open_runner(path, run_dir=tmp_path / "run", rating_column="rating")
    failing = functools.partial(
        open_runner, path, run_dir=tmp_path / "run", resume=True, rating_column="stars"
    )
    with pytest.raises(ChildProcessError, match="1 of the 1 processes .*stars.*--resume"):
        grid.run(runner, SMALLEST, reopen=failing, workers=1)
