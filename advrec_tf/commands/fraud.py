"""`advrec fraud`: every user of a file by how suspicious the profile is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Count
from advrec_tf.commands.sources import Source


def fraud(
    *,
    source: Source,
    out: Path,
    labels: Path | None = None,
    export: str | None = None,
    day: Annotated[float, Parameter(validator=Number(gte=0))] = 86_400.0,
    top: Count = 10,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Score every user of a file for fraud: a ranked list with reasons, and a scorer to serve.

    `advrec fraud --data ratings.csv --rating-column rating --out runs/fraud`

    The file fraud.csv in --out holds every user, the most suspicious first; those from suspicion
    1/2 on are flagged, with the features that set them apart. Without --labels, attacks are
    simulated in the file itself, and blocks denser than chance and users who share more items with
    another than popularity explains are looked for. A list is where to look, not a verdict: read
    the reasons. It needs scikit-learn (the extra `analysis`).

    Args:
        out: The folder for the list.
        labels: A file of known users, with lines such as "user 1" for a fake and "user 0" for an
            honest one, which teach a detector.
        export: The folder for the versions of the SavedModel that scores a profile.
        day: The length of a day in the unit of the times; 0 ignores the hours.
        top: The number of users to show.
        seed: The seed of everything that is drawn.
        overwrite: Replace the list in --out where it exists.
    """
    from advrec_tf.ops.files import check_output

    path = out / "fraud.csv"
    runs.check_writable("--out", out)
    runs.check_writable("--export", export)
    check_output(path, overwrite=overwrite, inputs=[*source.files, labels], name="--out")
    from advrec_tf.pipelines.progress import LOG

    loaded = source.load(seed=seed)
    LOG.info(loaded.report)

    from advrec_tf.pipelines.fraud import job

    job.run(
        loaded.interactions,
        out=path,
        labels=labels,
        export=export,
        day=day or None,
        top=top,
        seed=seed,
        overwrite=overwrite,
    )
