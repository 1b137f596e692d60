import dataclasses
import types

import pandas as pd
import pytest

from advrec_tf.pipelines.tabular import job
from experiments.tabular import study


@dataclasses.dataclass(frozen=True)
class Settings:
    seed: int = 0
    steps: int = 100

    def as_dict(self):
        return dataclasses.asdict(self)


def test_every_seed_of_a_table_is_a_run_of_its_own_and_one_that_is_done_is_kept(
    monkeypatch, tmp_path
):
    table = types.SimpleNamespace(
        frame=pd.DataFrame({"x": [1, 2]}), schema=types.SimpleNamespace(learned=["x"], as_dict=dict)
    )
    seeds = []

    def run_job(data, settings, store):
        seeds.append((settings.seed, store.folder.name))
        fits = {"gan": {"best_round": 10, "steps_per_round": 10, "seconds": 2.0}}
        return types.SimpleNamespace(qualities={"gan": {"auc": 0.5}}, fits=fits)

    monkeypatch.setattr(study, "table_of", lambda name, root: table)
    monkeypatch.setattr(job, "run", run_job)

    def run(seeds):
        return study.run(["world"], seeds, Settings(), tmp_path, tmp_path, log=lambda line: None)

    found = run([0])
    assert found["world"]["0"] == {
        "records": 2,
        "columns": 1,
        "qualities": {"gan": {"auc": 0.5}},
        "seconds": {"gan": 2.0},
        "unfinished": ["gan"],  # the best round is the last: 10 of 10 steps each, of 100 in all
    }
    assert list(run(range(2))["world"]) == ["0", "1"]
    assert seeds == [(0, "world-0"), (1, "world-1")]
    table.frame.loc[0, "x"] = 5
    with pytest.raises(ValueError, match="world holds a run that differs: `data_sha256`"):
        run([0])
