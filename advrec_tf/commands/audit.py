"""`advrec audit`: what a model does well and where it can be harmed, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Audited
from advrec_tf.commands.sources import Source
from advrec_tf.pipelines.audit.settings import AuditSettings

FAILED = 3
"""The exit code where fewer verdicts passed than `--fail-under` asks for."""


def audit(
    *,
    source: Source,
    model: str,
    out: Path,
    settings: Audited = AuditSettings(),
    against: str | None = None,
    fit: str | None = None,
    fail_under: Annotated[float | None, Parameter(validator=Number(gte=0, lte=100))] = None,
    overwrite: bool = False,
    quiet: bool = False,
    verbose: bool = False,
) -> None:
    """Audit a recommender: data, accuracy, lists, evasion, poisoning, privacy, fairness.

    `advrec audit --data events.csv --model saved_models/mine --out runs/audit`

    `advrec audit --data events.csv --model my_module:score --out runs/audit --fail-under 80`

    It writes audit.html, one page with plots and a verdict a line, and audit.json with the same
    figures. The split should be that of the training, by the same --seed where it is random_ratio:
    a model that was trained on the test interactions is not measured by them, and `advrec train`
    trains on all in the end unless --no-refit is given. A SavedModel and a module are code: audit
    only what comes from a source you trust.

    Args:
        model: The folder of a run, the folder of a SavedModel of this package, that of a retrieval
            index of TFRS, or module:name of a Python object: a function of user indices that
            returns scores [users, items], an object with such a `score`, an index, or a function
            of `interactions` that returns one of these.
        out: The folder for audit.html and audit.json.
        against: A second model, to stand beside the first on the same page.
        fit: The module:name of a function of interactions that returns a trained model, so that
            poisoning trains the model itself again and not EASE in its place.
        fail_under: End with exit code 3 if fewer than this percentage of the judged verdicts of
            the first model passed. With 100 a single failed verdict is enough.
        overwrite: Replace the page in --out where it exists.
        quiet: Show the result only.
        verbose: Show all lines.
    """
    from advrec_tf.ops.files import check_output

    runs.check_writable("--out", out)
    for name in ("audit.html", "audit.json"):
        check_output(out / name, overwrite=overwrite, inputs=source.files, name="--out")
    from advrec_tf.pipelines.progress import LOG

    loaded = source.load(seed=settings.seed)
    LOG.info(loaded.report)

    from advrec_tf.pipelines.audit import job
    from advrec_tf.pipelines.recommend.preparation import prepare

    report = job.run(
        loaded.interactions,
        prepare(loaded, settings).split,
        settings,
        [model] if against is None else [model, against],
        out,
        fit=fit,
        command=runs.command_line(),
    )
    print("\n".join(job.lines(report)))
    print(f"\npage         {out / job.PAGE}")
    if fail_under is not None and report["models"][0]["passed_share"] < fail_under:
        raise SystemExit(FAILED)
