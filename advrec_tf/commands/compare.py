"""`advrec compare`: every model of the suite on one data set, and the best one exported."""

from __future__ import annotations

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Comparison, Run
from advrec_tf.commands.sources import Source
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.recommend.settings import RecommenderSettings


def compare(
    *,
    source: Source,
    run: Run,
    settings: Comparison = RecommenderSettings(),
    export: str | None = None,
    show_user: str | None = None,
) -> None:
    """Train all models with their ablations and controls, choose one on validation, export it.

    `advrec compare --data synthetic --out runs/first --export saved_models/first`

    Args:
        export: The folder for the versions of the SavedModel.
        show_user: Show the list of the user with this id at the end.
    """
    prepared, identity, store = runs.begin(
        run, source, settings, job="recommender", export=export, options={"show_user": show_user}
    )
    from advrec_tf.pipelines.recommend import job, plots

    outcome = job.run(prepared, settings, store)
    result = runs.ship(run, prepared, identity, outcome, export)
    figures = plots.draw_all(outcome, result, run.out)
    print(f"plots        {', '.join(str(path) for path in figures)}")
    runs.print_list(outcome.shipped, show_user)
    conclude(outcome.verdicts, fail=run.fail_on_unhealthy)
