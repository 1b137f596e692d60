"""`advrec ranking`: the ranking tower alone."""

from __future__ import annotations

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Comparison, Run, Source
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.recommend.settings import RecommenderSettings


def ranking(*, source: Source, run: Run, settings: Comparison = RecommenderSettings()) -> None:
    """Train the ranking tower alone: clicks, and ratings where the data have them.

    `advrec ranking --data path/to/ml-100k --out runs/ranking`
    """
    prepared, identity, store = runs.begin(run, source, settings, job="ranking")
    from advrec_tf.pipelines.recommend import job

    outcome = job.run_ranking(prepared, settings, store)
    result = runs.finish(run, prepared, identity, outcome)
    for name, row in result["models"].items():
        for kind in ("classification", "ratings", "ratings_of_the_mean"):
            if kind in row:
                figures = "  ".join(f"{key} {value:.4f}" for key, value in row[kind].items())
                print(f"{name}, {kind.replace('_', ' ')}: {figures}")
    conclude(outcome.verdicts, fail=run.fail_on_unhealthy)
