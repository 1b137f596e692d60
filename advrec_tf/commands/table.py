"""`advrec table`: rows like those of a table with a column to be predicted."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Literal

from advrec_tf.commands import run as runs
from advrec_tf.commands import workers
from advrec_tf.commands.arguments import Count, Names, Run, TableGeneration
from advrec_tf.commands.configuration import given
from advrec_tf.commands.sources import is_sharded, shards_of
from advrec_tf.commands.table_formats import TableColumns
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.tabular.settings import TableSettings


def table(
    *,
    data: Path,
    columns: TableColumns = TableColumns(),
    run: Run,
    settings: TableGeneration = TableSettings(),
    rows: Count | None = None,
    condition: Names = (),
    export: str | None = None,
    distribute: Literal["mirrored", "multi_worker"] | None = None,
    replicas: Count | None = None,
) -> None:
    """Train a GAN on a table, a row for each user or event, and write rows with the same columns.

    `advrec table --data user_behavior.csv --label churned --out runs/table --export
    saved_models/table`

    The file generated.csv in --out has as many rows, or --rows, in the notation of the file. The
    report quality.html shows their quality beside controls, and the export is a generator that runs
    without this package. It needs scikit-learn (the extra `analysis`), and with --noise-multiplier
    dp-accounting (the extra `privacy`).

    Shards, such as --data 'shards/*.parquet', are read block by block: all rows are counted and
    train, and samples of them are held, on which training is validated and quality is measured.

    Args:
        data: A CSV or TSV file, plain or .gz. Or shards: a Parquet or TFRecord file, a folder of
            them, or a pattern such as 'shards/*.csv'.
        rows: The number of rows to generate. By default as many as were read, of shards at most
            100,000.
        condition: Values that the generated rows are to have, as COLUMN=VALUE.
        export: The folder for the versions of the SavedModel.
        distribute: What trains the generators: the GPUs of this machine (mirrored), or all
            processes that TF_CONFIG names, as advrec launch starts them (multi_worker). Each
            replica computes its part of every batch. The chief alone writes. By default one device
            trains them.
        replicas: The devices of mirrored. By default all GPUs. Without a GPU the CPU is cut into
            so many.
    """
    strategy = workers.strategy_of(distribute, replicas)
    if distribute == workers.MULTI_WORKER:
        run, export = workers.place_of(run, export)
    runs.check_writable("--export", export)
    if not (data.exists() or is_sharded(data)):
        raise FileNotFoundError(f"`--data` should be an existing file. Received: {data}.")
    inputs = shards_of(data) if is_sharded(data) else [data]
    runs.check_place(run, inputs=inputs)
    path = runs.check_new(run, "generated.csv", inputs=inputs)
    from advrec_tf.ops.extras import require_sklearn

    require_sklearn("Classifier tests need")
    read = columns.count(data, settings) if is_sharded(data) else columns.read(data)
    print(read)
    settings = _with_label(settings, read.schema.label)
    from advrec_tf.pipelines.machine import versions
    from advrec_tf.pipelines.tabular import job, words
    from advrec_tf.pipelines.tabular.delivery import (
        Delivery,
        conditions_from,
        fingerprint,
        rows_to_write,
    )

    delivery = Delivery(
        read,
        path,
        rows=rows_to_write(read) if rows is None else rows,
        conditions=conditions_from(condition, read, settings.conditional),
        seed=settings.seed,
        export=export,
    )
    identity = {
        "job": "table",
        "settings": settings.as_dict(),
        "data_sha256": fingerprint(read),
        "versions": versions(),
    }
    own = {"data": data, "rows": rows, "condition": condition or None, "export": export}
    own |= {"distribute": distribute, "replicas": replicas}
    options = given(columns, run, settings)
    options |= {name: value for name, value in own.items() if value is not None}
    store = runs.open_store(run, identity, options, inputs=inputs)
    outcome = job.run(read, settings, store, deliver=delivery, strategy=strategy)
    notes = [*read.schema.noticed, f"training: {outcome.fits['gan']['verdict']}", *delivery.notes]
    if settings.private:
        notes.append(job.spent(outcome, settings))
        print(notes[-1])
    blunt = job.blunt_measures(outcome.qualities)
    page = job.write_report(
        outcome,
        run.out,
        notes=[f"made by {runs.command_line()}", *notes, *blunt],
        identity=identity,
    )
    print("\n" + "\n".join(words.comparison_lines(outcome.qualities)))
    print("\n" + "\n".join(words.verdict_lines(outcome.qualities["gan"])))
    for line in blunt:
        print(f"note: {line}")
    print("\n" + "\n".join(delivery.lines))
    runs.say_where(run, report=page)
    conclude(store.verdicts, fail=run.fail_on_unhealthy)


def _with_label(settings: TableSettings, label: str) -> TableSettings:
    """The label is a condition, unless others are named or training is private."""
    if not settings.private:
        named = settings.conditional or (label,)
        return dataclasses.replace(settings, conditional=named)
    if settings.conditional:
        raise ValueError("`--conditional` and `--noise-multiplier` exclude each other.")
    if importlib.util.find_spec("dp_accounting") is None:
        raise ImportError(
            "`--noise-multiplier` needs dp-accounting, the extra `privacy`: "
            "pip install 'advrec_tf[privacy]'."
        )
    return settings
