"""`advrec gan`: the GAN of user profiles, and the interactions that it generates."""

from __future__ import annotations

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import ProfileGan, Run, Source
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.recommend.gan_settings import GanSettings


def gan(*, source: Source, run: Run, settings: ProfileGan = GanSettings()) -> None:
    """Train the profile GAN and its ablation on interactions, and write what they generate.

    `advrec gan --data synthetic --out runs/gan`

    Users with fewer than --generated-min-history interactions are filled up to that number. The
    file generated.csv in --out has a line for each generated interaction: user_id, item_id, source
    ("gan", or "gan_ablation" for the same generator trained without the discriminator). For a table
    with a column to be predicted there is `advrec table`.
    """
    runs.check_place(run, inputs=source.files)
    path = runs.check_new(run, "generated.csv", inputs=source.files)
    from advrec_tf.data.readers.files import MissingColumnError

    try:
        prepared, identity, store = runs.begin(run, source, settings, job="gan")
    except MissingColumnError as error:
        raise MissingColumnError(
            f"{error} The file is read as interactions. For a table with a column to be predicted "
            "there is `advrec table`."
        ) from None

    from advrec_tf.pipelines.recommend import generation, job, plots

    outcome = job.run_gan(prepared, settings, store)
    generation.write_csv(outcome.generated, path, overwrite=True)
    figures = plots.draw_gan(outcome, run.out)
    shown = [figure.relative_to(run.out).as_posix() for figure in figures]
    runs.finish(run, prepared, identity, outcome, plots=shown)
    print(f"plots        {', '.join(str(path) for path in figures)}")
    for source_name, generated in outcome.generated.items():
        print(f"{len(generated)} interactions by {source_name} in {path}")
    conclude(outcome.verdicts, fail=run.fail_on_unhealthy)
