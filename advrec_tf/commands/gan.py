"""`advrec gan`: a GAN of interactions, and what it generates."""

from __future__ import annotations

from typing import Literal

from advrec_tf.commands import run as runs
from advrec_tf.commands import workers
from advrec_tf.commands.arguments import Count, InteractionGan, Run
from advrec_tf.commands.sources import InteractionSource
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.recommend.gan_settings import GanSettings


def gan(
    *,
    source: InteractionSource,
    run: Run,
    settings: InteractionGan = GanSettings(),
    distribute: Literal["mirrored", "multi_worker"] | None = None,
    replicas: Count | None = None,
) -> None:
    """Train a GAN and its ablation on interactions, and write what they generate.

    `advrec gan --data synthetic --out runs/gan`

    The GAN of profiles fills up users with fewer than --generated-min-history interactions to that
    number. The file generated.csv in --out has a line for each generated interaction: user_id,
    item_id, source ("gan", or "gan_ablation" for the same generator trained without the
    discriminator). With --model sequences it has short sequences of items, one for each user, a
    line an item: sequence, place, item_id, source. For a table with a column to be predicted there
    is `advrec table`.

    Shards, such as --data 'shards/*.parquet', hold the rows of each user together, and are read
    block by block (see advrec data convert --together). The rows of a sample of 10,000 users are
    held, on which the GAN is validated, and what is generated. The ids are kept in ids.npz.

    Args:
        distribute: What trains the GAN: the GPUs of this machine (mirrored), or all processes that
            TF_CONFIG names, as advrec launch starts them (multi_worker). Each replica computes its
            part of every batch. The chief alone writes. By default one device trains it.
        replicas: The devices of mirrored. By default all GPUs. Without a GPU the CPU is cut into
            so many.
    """
    strategy = workers.strategy_of(distribute, replicas)
    if distribute == workers.MULTI_WORKER:
        run, _ = workers.place_of(run, None)
    runs.check_place(run, inputs=source.files)
    path = runs.check_new(run, "generated.csv", inputs=source.files)
    from advrec_tf.data.readers.files import MissingColumnError

    options = {"distribute": distribute, "replicas": replicas}
    try:
        prepared, identity, store = runs.begin(run, source, settings, job="gan", options=options)
    except MissingColumnError as error:
        raise MissingColumnError(
            f"{error} The file is read as interactions. For a table with a column to be predicted "
            "there is `advrec table`."
        ) from None

    from advrec_tf.pipelines.recommend import gan_job, generation, plots

    if source.is_sharded:
        store.claim()  # so that --resume finds a run beside the file
        prepared.ids.save(run.out / "ids.npz", overwrite=True)
    outcome = gan_job.run(prepared, settings, store, strategy=strategy)
    generation.write_csv(outcome.generated, path, overwrite=True)
    figures = plots.draw_gan(outcome, run.out)
    shown = [figure.relative_to(run.out).as_posix() for figure in figures]
    runs.finish(run, prepared, identity, outcome, plots=shown)
    print(f"plots        {', '.join(str(path) for path in figures)}")
    for source_name, generated in outcome.generated.items():
        print(f"{generation.counted(generated)} by {source_name} in {path}")
    conclude(outcome.verdicts, fail=run.fail_on_unhealthy)
