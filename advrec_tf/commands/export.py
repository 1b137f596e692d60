"""`advrec export`: the recommender of a finished run as a SavedModel."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Literal

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Count


def export(
    *,
    run_dir: Path,
    out: Path,
    k: Count | None = None,
    max_k: Count = 100,
    keep: Count | None = None,
    index: Literal["auto", "exact", "ivf"] = "auto",
    recall: float = 0.95,
    tables: Literal["float32", "float16", "int8"] = "float32",
    parquet: Path | None = None,
) -> None:
    """Export the recommender of a finished run, checked against the one in memory.

    `advrec export --run-dir runs/first --out saved_models/first --keep 3`

    Each export becomes a new numbered version; none is overwritten.

    Args:
        run_dir: The folder of a finished run.
        out: The folder for the versions of the SavedModel.
        k: The length of a list where a request names none. By default 10, or --max-k where that
            is shorter.
        max_k: The longest list that a request may ask for; a longer one is refused. It is cut to
            the number of items, or to 100 where there are fewer.
        keep: The number of versions to keep; older ones are removed. By default all stay.
        index: How lists are found: exact by all items, or ivf by those of the nearest cells; auto
            is ivf for vectors from 100,000 items on.
        recall: The share of the items of exact lists that lists of an index should have.
        tables: How vectors are kept: float32, half of it, or int8 with a scale for each, about a
            quarter. What the rounding costs is printed and stands beside the model.
        parquet: A file for the lists of all users, for those who need no server; its name ends in
            .parquet, or in .csv or .tsv for text.
    """
    from advrec_tf.serving.batch_lists import recommend_all, require_lists_suffix
    from advrec_tf.serving.served_lists import default_length

    runs.check_writable("--out", out)
    if parquet is not None:
        require_lists_suffix(parquet, "--parquet")
    record = run_dir / "run.json"
    if not record.exists():
        raise ValueError(f"{record} should exist; a run writes it when it begins.")

    from advrec_tf.pipelines.recommend.shipping import load_shipped

    recommender = load_shipped(run_dir)
    identity = json.loads(record.read_text())
    _warn_without_columns(run_dir, recommender, identity.get("settings", {}))
    report = run_dir / "report.json"
    choices = json.loads(report.read_text()).get("choices", {}) if report.is_file() else {}
    exported = runs.export_checked(
        recommender,
        out,
        identity,
        k=k,
        max_k=max_k,
        keep=keep,
        choices=choices,
        index=index,
        recall=recall,
        tables=tables,
    )
    print(json.dumps(exported["export"], indent=2))
    if parquet is not None:
        count = recommend_all(recommender, parquet, default_length(max_k) if k is None else k)
        print(f"{count:,} recommendations in {parquet}")


def _warn_without_columns(run_dir: Path, recommender, settings: dict) -> None:
    """Say where a run that had columns kept none of users, as those of earlier versions."""
    asked = settings.get("use_features") or settings.get("use_context")
    if asked and getattr(recommender, "new_users", None) is None:
        warnings.warn(
            f"{run_dir} keeps no columns of users or a context, so that the export has no "
            "signature recommend_from_features. Runs of earlier versions kept none; a new run "
            "does where there are any.",
            stacklevel=2,
        )
