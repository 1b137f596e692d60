"""The page of behavior tables: every generator on users' tables, over seeds.

Each (table, seed) is a run of `behavior.run` with a folder and stages of its own, so the job
goes on where it was stopped, and the page can be made from whatever is finished.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data import synthetic
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers import movielens
from advrec_tf.data.readers.loading import load
from advrec_tf.pipelines.stages import StageStore
from advrec_tf.pipelines.tabular import job
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular import user_tables
from advrec_tf.tabular.files import Table
from advrec_tf.tabular.quality import AIMS, headline

LABEL = "gender"
TABLES = ("world", "ml-100k", "ml-1m")
_TITLES = {
    "world": "Users of the built-in world",
    "ml-100k": "Users of MovieLens 100K",
    "ml-1m": "Users of MovieLens 1M",
}
_COLUMNS = {
    "AUC": lambda q: q["two_sample_auc"],
    "AUC, unseen rows": lambda q: q["two_sample_auc_holdout"],
    "worst TV": lambda q: q["worst_column"][1],
    "correlations": lambda q: q["correlations"]["mean"],
    "modes": lambda q: q["mode_coverage"],
    "TSTR / TRTR": lambda q: q["train_on_synthetic"]["ratio"],
    "copies": lambda q: q["disclosure"]["duplicates"],
    "nearest": lambda q: q["disclosure"]["nearest_ratio"],
    "membership": lambda q: q["disclosure"]["membership_auc"],
}


def table_of(name: str, data_root: Path) -> Table:
    """One of `TABLES`: user features joined with activity; the label is `LABEL`."""
    if name == "world":
        interactions = synthetic.make_world().interactions
    elif name == "ml-100k":
        interactions = load(data_root / "ml-100k").interactions
    else:
        interactions = _ml_1m(data_root / "ml-1m")
    frame = user_tables.user_table(interactions)
    schema = table_schema.infer(frame, label=LABEL, source=name)
    return Table(frame=frame, schema=schema)


def _ml_1m(folder: Path) -> Interactions:
    """Interactions without ratings or times, from (user, movie) pairs beside the two side
    files of the original layout."""
    with gzip.open(folder / "interactions.csv.gz", "rt") as file:
        pairs = pd.read_csv(file, usecols=["user_id", "movie_id"]).dropna().astype("int64")
    from advrec_tf.data.readers.tables import from_frame

    interactions = from_frame(pairs, item_column="movie_id").interactions
    return movielens.with_side_files(interactions, folder)


def run_all(
    names: Sequence[str],
    seeds: Sequence[int],
    settings: TableSettings,
    data_root: Path,
    run_dir: Path,
    *,
    write: Callable[[str], None] = print,
) -> None:
    """Every table with every seed, the first seed of all tables first."""
    tables = {name: table_of(name, data_root) for name in names}
    for seed in seeds:
        for name, table in tables.items():
            write(f"{name}, seed {seed}: {table}")
            own = dataclasses.replace(settings, seed=seed)
            identity = {"job": "behavior-tables", "table": name, "settings": own.as_dict()}
            store = StageStore(run_dir / f"{name}-{seed}", identity, resume=True)
            outcome = job.run(table, own, store, write=write)
            record = {
                "rows": len(table.frame),
                "columns": len(table.schema.learned),
                "qualities": outcome.qualities,
                "seconds": {n: fit["seconds"] for n, fit in outcome.fits.items()},
                "unfinished": [
                    n
                    for n, fit in outcome.fits.items()
                    if fit["best_round"] * fit["steps_per_round"] >= own.steps
                ],
            }
            path = run_dir / f"{name}-{seed}" / "result.json"
            path.write_text(json.dumps(record, indent=2) + "\n")


def collect(run_dir: Path) -> dict[str, dict[int, dict]]:
    """table -> seed -> what `run_all` has finished."""
    found: dict[str, dict[int, dict]] = {}
    for name in TABLES:
        for path in sorted(run_dir.glob(f"{name}-*/result.json")):
            seed = int(path.parent.name.removeprefix(f"{name}-"))
            found.setdefault(name, {})[seed] = json.loads(path.read_text())
    return found


def page(results: dict[str, dict[int, dict]], command: str) -> str:
    """The results as Markdown: a table a data set, means over seeds with the deviation."""
    lines = [
        "# Generated behavior tables",
        "",
        f"Made by `{command}`. A fifth of the users is held out; the rest trains the generators "
        "and, 15 % of it, stops them. *AUC*: of a gradient-boosting classifier that tells "
        "generated rows from training rows (.5: it cannot; below: copies), and from held-out "
        "rows. *Worst TV*: total variation of the worst column. *TSTR / TRTR*: AUC of predicting "
        f"`{LABEL}` of held-out users, trained on generated over trained on real rows. *Copies*: "
        "rows equal to a training row that is the only one of its kind. *Nearest*: median distance "
        "to the nearest training row over that of held-out rows. *Membership*: AUC of telling "
        "training from held-out rows by their distance to generated ones. `vae` is the GAN's "
        "generator without the adversary.",
        "",
        "Aims of the GAN: " + "; ".join(f"{n} {w} {a:g}" for n, (w, a) in AIMS.items()) + ".",
    ]
    for name, seeds in results.items():
        first = next(iter(seeds.values()))
        lines += [
            "",
            f"## {_TITLES[name]}: {first['rows']:,} rows, {first['columns']} columns, "
            f"{len(seeds)} seed{'s' * (len(seeds) > 1)}",
            "",
            "| generator | " + " | ".join(_COLUMNS) + " | seconds |",
            "|" + "---|" * (len(_COLUMNS) + 2),
        ]
        for generator in first["qualities"]:
            cells = []
            for value in _COLUMNS.values():
                values = [value(r["qualities"][generator]) for r in seeds.values()]
                cells.append(_mean(values))
            times = [r["seconds"].get(generator) for r in seeds.values()]
            seconds = "" if None in times else f"{np.mean(times):.0f}"
            lines.append(f"| {generator} | " + " | ".join(cells) + f" | {seconds} |")
        lines += ["", _verdict(seeds)]
    return "\n".join(lines) + "\n"


def _mean(values: list[float]) -> str:
    text = f"{np.mean(values):.3f}"
    return text if len(values) == 1 else f"{text} ({np.std(values, ddof=1):.3f})"


def _verdict(seeds: dict[int, dict]) -> str:
    """Which aims the mean of the GAN reaches, and whether it stands above its ablation."""
    figures = [headline(r["qualities"]["gan"]) for r in seeds.values()]
    parts = []
    for name, (way, aim) in AIMS.items():
        mean = float(np.mean([f[name] for f in figures]))
        good = mean <= aim if way == "at most" else mean >= aim
        parts.append(f"{name} {mean:.3f} ({'reached' if good else 'missed'})")
    gap = [
        r["qualities"]["gan"]["two_sample_auc"] - r["qualities"]["vae"]["two_sample_auc"]
        for r in seeds.values()
    ]
    text = (
        f"The GAN: {'; '.join(parts)}. Its two-sample AUC less that of its ablation, by seed: "
        f"{', '.join(f'{g:+.3f}' for g in gap)}."
    )
    counts = {name: sum(name in r["unfinished"] for r in seeds.values()) for name in ("gan", "vae")}
    late = [f"{name} in {n} of {len(seeds)} runs" for name, n in counts.items() if n]
    if late:
        text += (
            f" Still improving when the steps were up: {', '.join(late)}; with more steps it "
            "may stand better than here."
        )
    return text
