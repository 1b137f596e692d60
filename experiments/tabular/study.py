"""Every generator of tables on tables of users, over seeds.

An entry is a table: `pipelines.tabular.job` trains every generator on it, in a folder for each seed
whose stages are its own, so that a study that was stopped goes on inside a training.
"""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from experiments.harness.entries import Entry, Task
from experiments.harness.results import Result
from experiments.harness.sweep import Study, sweep
from experiments.tabular.page import LABEL


def table_of(name: str, data_root: Path):
    """The `Table` of a name in `TITLES`: features of users joined with their activity."""
    from advrec_tf.data import synthetic
    from advrec_tf.data.readers.loading import load
    from advrec_tf.tabular import schema, user_tables
    from advrec_tf.tabular.files import Table

    if name == "world":
        interactions = synthetic.make_world().interactions
    elif name == "ml-100k":
        interactions = load(data_root / "ml-100k").interactions
    else:
        interactions = _ml_1m(data_root / "ml-1m")
    frame = user_tables.user_table(interactions)
    return Table(frame=frame, schema=schema.infer(frame, label=LABEL, source=name))


def _ml_1m(folder: Path):
    """Interactions without ratings or times, from (user, movie) pairs beside the two side files of
    the original layout."""
    import pandas as pd

    from advrec_tf.data.readers import movielens
    from advrec_tf.data.readers.frames import from_frame

    with gzip.open(folder / "interactions.csv.gz", "rt") as file:
        pairs = pd.read_csv(file, usecols=["user_id", "movie_id"]).dropna().astype("int64")
    return movielens.with_side_files(from_frame(pairs, item_column="movie_id").interactions, folder)


def _entry(name: str, data, settings, run_dir: Path) -> Entry:
    from advrec_tf.pipelines.machine import versions
    from advrec_tf.pipelines.stages import StageStore
    from advrec_tf.pipelines.tabular import job
    from advrec_tf.pipelines.tabular.delivery import fingerprint

    def train(task: Task) -> Result:
        task.log(f"{name}, seed {task.seed}: {data}")
        own = dataclasses.replace(settings, seed=task.seed)
        identity = {
            "job": "generated-tables",
            "table": name,
            "settings": own.as_dict(),
            "data_sha256": fingerprint(data),
            "versions": versions(),
        }
        store = StageStore(run_dir / f"{name}-{task.seed}", identity, resume=True)
        outcome = job.run(data, own, store)
        late = {
            n: fit["best_round"] * fit["steps_per_round"] >= own.steps
            for n, fit in outcome.fits.items()
        }
        return Result(
            {
                "records": len(data.frame),
                "columns": len(data.schema.learned),
                "qualities": outcome.qualities,
                "seconds": {n: fit["seconds"] for n, fit in outcome.fits.items()},
                "unfinished": [n for n, is_late in late.items() if is_late],
            }
        )

    return Entry(train=train)


def run(
    names: Iterable[str],
    seeds: Sequence[int],
    settings,
    data_root: Path,
    run_dir: Path,
    *,
    log: Callable[[str], None] = print,
) -> dict[str, dict[str, dict]]:
    """Table -> seed -> what was measured.

    Args:
        settings: `TableSettings` of every run, but for the seed.
    """
    from advrec_tf.pipelines.machine import versions
    from advrec_tf.pipelines.stages import StageStore
    from advrec_tf.pipelines.tabular.delivery import fingerprint

    shared = {name: value for name, value in settings.as_dict().items() if name != "seed"}
    identity = {"job": "generated-tables", "settings": shared, "versions": versions()}
    store = StageStore(run_dir, identity, resume=True)
    found = {}
    for name in names:  # each with its data's fingerprint, so that others may join a run
        data = table_of(name, data_root)
        study = Study(name=name, entries={name: _entry(name, data, settings, run_dir)})
        part = store.part(name, data_sha256=fingerprint(data))
        results = sweep(study, part, seeds=seeds, log=log).results[name]
        found[name] = {str(seed): one.metrics for seed, one in zip(seeds, results, strict=True)}
    return found
