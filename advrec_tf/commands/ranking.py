"""`advrec ranking`: the ranking tower, and the multi-task model, alone."""

from __future__ import annotations

from typing import Literal

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import RankingTower, Run
from advrec_tf.commands.sources import Source
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.recommend.ranking_settings import RankingSettings


def ranking(
    *,
    source: Source,
    run: Run,
    settings: RankingTower = RankingSettings(),
    export: str | None = None,
    exported: Literal["clicks", "ratings", "multi_task"] = "clicks",
) -> None:
    """Train the ranking tower alone: clicks, and ratings where the data have them.

    `advrec ranking --data path/to/ml-100k --out runs/ranking --export saved_models/ranking
    --exported multi_task`

    With ratings a multi-task model stands beside it: retrieval and ratings by shared towers, which
    is exported with the signatures of lists, and with rank and rate.

    Args:
        export: The folder for the versions of the SavedModel.
        exported: The model that is exported.
    """
    prepared, identity, store = runs.begin(run, source, settings, job="ranking", export=export)
    if export is not None and exported != "clicks" and prepared.split.train.rating is None:
        raise ValueError(
            "`exported` should be clicks for data without ratings; --rating-column names them. "
            f"Received: {exported}."
        )
    from advrec_tf.pipelines.recommend import job
    from advrec_tf.pipelines.recommend.ranking_stages import restored

    outcome = job.run_ranking(prepared, settings, store)
    written = {}
    if export is not None:
        if exported not in outcome.ranking:
            raise ValueError(
                f"`exported` should be one of {', '.join(outcome.ranking)}, which were trained. "
                f"Received: {exported}."
            )
        kept = outcome.ranking[exported]
        model = restored(exported, prepared.split, settings.in_comparison(), kept)
        written = runs.export_checked(model, export, identity)
    result = runs.finish(run, prepared, identity, outcome, **written)
    for name, row in result["models"].items():
        for kind in ("classification", "ratings", "ratings_of_the_mean"):
            if kind in row:
                figures = "  ".join(f"{key} {value:.4f}" for key, value in row[kind].items())
                print(f"{name}, {kind.replace('_', ' ')}: {figures}")
    conclude(outcome.verdicts, fail=run.fail_on_unhealthy)
