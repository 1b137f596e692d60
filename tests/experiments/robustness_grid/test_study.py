import dataclasses
import functools

import numpy as np
import pytest

from advrec_tf.pipelines.attack.runner import CellRunner, open_runner
from advrec_tf.pipelines.stages import StageStore
from experiments.harness.sweep import in_batches
from experiments.robustness_grid import study
from experiments.robustness_grid.cells import GridSettings
from tests.pipelines.attack.conftest import make_setting

NOTHING = dict.fromkeys(
    ("other_attacks", "transfer_victims", "informed_victims", "hardened_victims"), ()
) | dict.fromkeys(("sized_victims", "curve_victims", "strictness"), ())
SMALLEST = GridSettings(
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


def test_cells_on_the_same_profiles_are_measured_by_one_process(tmp_path):
    runner = CellRunner(make_setting(), StageStore(tmp_path, {}))
    settings = with_names(SMALLEST, victims=("biased_mf", "ease"), defended_victims=())
    entries = study.study_of(runner, settings).entries
    first, *_ = in_batches(entries, 2)
    assert [name.split("-tail-0")[0] for name in first] == [
        "none-biased_mf-none",
        "none-ease-none",
    ]


def test_cells_that_do_not_fit_are_counted_with_their_reason(tmp_path):
    runner = CellRunner(make_setting(ratings=False), StageStore(tmp_path, {}))
    settings = with_names(SMALLEST, victims=("biased_mf",), defended_attacks=())
    report = study.run(runner, settings)
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


@pytest.mark.slow
def test_cells_measured_in_other_processes_are_those_measured_here(path, tmp_path):
    opened = functools.partial(open_runner, path, rating_column="rating", per_group=2)
    here = study.run(opened(run_dir=tmp_path / "here"), SMALLEST)
    there = tmp_path / "there"
    elsewhere = study.run(
        opened(run_dir=there),
        SMALLEST,
        reopen=functools.partial(opened, run_dir=there, resume=True),
        workers=2,
    )
    for part, records in here["parts"].items():
        assert without_seconds(elsewhere["parts"][part]) == without_seconds(records)


def test_a_process_that_fails_is_reported_and_what_is_done_is_kept(path, tmp_path):
    runner = open_runner(path, run_dir=tmp_path / "run", rating_column="rating")
    failing = functools.partial(
        open_runner, path, run_dir=tmp_path / "run", resume=True, rating_column="stars"
    )
    with pytest.raises(ChildProcessError, match="9 of 9 cells were not .*stars.*--resume"):
        study.run(runner, SMALLEST, reopen=failing, workers=1)
