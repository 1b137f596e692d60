"""`advrec train`: one good model, quickly."""

from __future__ import annotations

from typing import Literal

from advrec_tf.commands import run as runs
from advrec_tf.commands import workers
from advrec_tf.commands.arguments import Count, Run, SingleModel
from advrec_tf.commands.sources import Source
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.recommend.single_settings import SingleSettings


def train(
    *,
    source: Source,
    run: Run,
    settings: SingleModel = SingleSettings(),
    export: str | None = None,
    show_user: str | None = None,
    distribute: Literal["mirrored", "multi_worker", "parameter_server"] | None = None,
    replicas: Count | None = None,
) -> None:
    """Train one good model and export it.

    `advrec train --data events.csv --user-column user --item-column product --out runs/mine
    --export saved_models/mine`

    Training stops early by NDCG@10 on validation; then the model is trained on all interactions
    with as many epochs, and a popularity prior serves users with few interactions where validation
    finds that it helps; next-item models have none. Popularity, EASE and, where there are times,
    counts of the order stand beside it in the report. `advrec compare` trains every model with its
    ablations, which says what an adversary bought.

    Shards, such as --data 'shards/*.parquet', are read block by block in training. The rows of a
    sample of 10,000 users are held, on which it is evaluated; what is exported holds the items of
    every user, which lists leave out. The ids are kept in ids.npz.

    Args:
        export: The folder for the versions of the SavedModel.
        show_user: Show the list of the user with this id at the end.
        distribute: What trains the model: the GPUs of this machine (mirrored), or all processes
            that TF_CONFIG names, as advrec launch starts them (multi_worker). Each replica computes
            its part of every batch. With parameter_server each worker trains a two_tower or a
            factorization on batches of its own, without waiting for others, on tables that servers
            hold in parts; results then differ from run to run. The chief alone writes. By default
            one device trains it.
        replicas: The devices of mirrored. By default all GPUs. Without a GPU the CPU is cut into
            so many.
    """
    options = {"show_user": show_user, "distribute": distribute, "replicas": replicas}
    strategy = workers.strategy_of(distribute, replicas)
    if distribute == workers.MULTI_WORKER:
        run, export = workers.place_of(run, export)
    prepared, identity, store = runs.begin(
        run, source, settings, job="train", export=export, options=options
    )
    from advrec_tf.pipelines.recommend import single

    if source.is_sharded:
        store.claim()  # so that --resume finds a run beside the file
        prepared.ids.save(run.out / "ids.npz", overwrite=True)
    outcome = single.run(prepared, settings, store, strategy=strategy)
    runs.ship(run, prepared, identity, outcome, export)
    runs.print_list(outcome.shipped, show_user)
    conclude(outcome.verdicts, fail=run.fail_on_unhealthy)
