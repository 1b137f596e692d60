"""The start and the end of a run that trains on interactions, shared by its commands."""

from __future__ import annotations

import json
import os
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from advrec_tf.commands.arguments import Run
from advrec_tf.commands.configuration import given
from advrec_tf.commands.display import keep_log
from advrec_tf.commands.sources import InteractionSource
from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines.ending import command_line, hold
from advrec_tf.pipelines.progress import LOG

WRITTEN = (
    "report.json",
    "report.md",
    "quality.html",
    "quality.json",
    "shipped.npz",
    "shipped.keras",
    "vectors.npz",
    "ids.npz",
)
"""The files that runs write into their folders beside stages, plots and what is generated."""


def begin(
    run: Run,
    source: InteractionSource,
    settings,
    *,
    job: str,
    export: str | None = None,
    options: Mapping | None = None,
    **inputs,
):
    """(prepared data, identity, store); what was read is said before anything is trained.

    The `inputs`, JSON values, are what results depend on beside data, settings and versions. The
    `options`, name -> value or None, are those of the command alone: `run.json` keeps them too.

    Raises:
        ValueError, OSError, ImportError: as the readers, the split and the store say.
    """
    check_writable("--export", export)
    check_place(run, inputs=source.files)
    prepared = _prepared(source, settings, job)
    from advrec_tf.pipelines.recommend.preparation import identity_of

    for what, count in prepared.counts.items():
        if what.startswith("removed") and count:
            LOG.info(f"  {what.replace('_', ' ')}: {count:,}")
    LOG.info(prepared.audit.summary())
    LOG.debug(prepared.audit)
    if prepared.split.settings.get("order") == "file":
        LOG.info(
            "  No column of times was named (--time-column): the order of the file is taken as the "
            "order of time."
        )
    identity = {"job": job, **identity_of(prepared, settings), **inputs}
    of_the_command = {"export": export, **(options or {})}
    kept = given(source, run, settings)
    kept |= {name: value for name, value in of_the_command.items() if value is not None}
    return prepared, identity, open_store(run, identity, kept, inputs=source.files)


def _prepared(source: InteractionSource, settings, job: str):
    """The data read, filtered and split; of shards, which `advrec train` and `advrec gan` take,
    counted."""
    if job in ("train", "gan") and source.is_sharded:
        columns = source.shard_columns()
        from advrec_tf.pipelines.recommend.streamed import prepare_stream

        return prepare_stream(source.data, columns, settings)
    loaded = source.load(seed=settings.seed)
    from advrec_tf.pipelines.recommend.preparation import prepare

    LOG.info(loaded.report)
    return prepare(loaded, settings)


def open_store(run: Run, identity: dict, options: dict, *, inputs: Sequence[str | os.PathLike]):
    """The store of a run whose folder is its alone from now on, with its log.

    Raises:
        FileExistsError: if the folder holds no run, but a file by the name of one that it writes.
        ValueError: if one of the `inputs` has the name and place of a file that the run writes.
        ValueError, OSError: as the lock and the store say.
    """
    from advrec_tf.pipelines.stages import StageStore

    check_place(run, inputs=inputs)
    hold(run.out, resume=run.resume, say=LOG.info)
    store = StageStore(run.out, identity, resume=run.resume, options=options)
    keep_log(run.out)
    LOG.debug(command_line())
    return store


def check_place(run: Run, *, inputs: Sequence[str | os.PathLike | None]) -> None:
    """Before anything is read: the folder of the run.

    Raises:
        FileExistsError: if it holds a run, which is not to be resumed, or no run, but a file by the
            name of one that a run writes.
        ValueError: if it is a file, is not writable, or one of the `inputs` has the name and place
            of a file that the run writes.
    """
    from advrec_tf.pipelines.stages import require_free

    check_writable("--out", run.out)
    require_free(run.out, resume=run.resume)
    for name in WRITTEN:
        check_new(run, name, inputs=inputs)


def check_new(run: Run, name: str, *, inputs: Sequence[str | os.PathLike | None]) -> Path:
    """Before anything is read: the place of a file that the run writes into its folder.

    A file that is there already is replaced only where it is of a run, which is resumed.

    Raises:
        ValueError: if it is an input.
        FileExistsError: if it is there, and the folder holds no run.
    """
    from advrec_tf.ops.files import check_output
    from advrec_tf.pipelines.stages import holds_run

    path = run.out / name
    check_output(path, overwrite=holds_run(run.out), inputs=inputs, name="--out")
    return path


def check_writable(name: str, path: str | os.PathLike | None) -> None:
    """Before hours of training: can the folder be written at all?

    Raises:
        ValueError: if not.
    """
    if path is None:
        return
    folder = Path(path)
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise ValueError(f"`{name} {path}` should be a folder. Received {folder}, which is a file.")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"`{name} {path}` should be writable. Received {folder}, which is not.")


def export_checked(
    recommender,
    folder: str | Path | None,
    identity: dict,
    *,
    k: int | None = None,
    keep: int | None = None,
    choices: Mapping = MappingProxyType({}),
    **settings,
) -> dict:
    """Export with a check through TensorFlow's C API; `settings` are others of `serving.export`. {}
    where no folder is given. Of the `choices` of the run the model card tells the model."""
    if folder is None:
        return {}
    from advrec_tf.serving.folder import read_metadata
    from advrec_tf.serving.forms import export

    names = ("shipped_model", "id_table", "parameters")
    model = {name: choices[name] for name in names if name in choices}
    metadata = {"run": identity, **({"model": model} if model else {})}
    path = export(recommender, folder, k=k, keep=keep, metadata=metadata, **settings)
    notes = read_metadata(path)
    found = {name: notes[name] for name in ("check", "index", "tables") if name in notes}
    return {"export": {"path": str(path), **found}}


def ship(run: Run, prepared, identity: dict, outcome, export: str | None) -> dict:
    """Keep and export the shipped recommender, and `finish`; returns the report."""
    from advrec_tf.pipelines.recommend.shipping import save_shipped

    save_shipped(outcome.shipped, run.out)
    exported = export_checked(outcome.shipped, export, identity, choices=outcome.choices)
    return finish(run, prepared, identity, outcome, **exported)


def finish(run: Run, prepared, identity: dict, outcome, **more) -> dict:
    """Write report.json and report.md, and print the table; returns the report."""
    from advrec_tf.pipelines.recommend import boards, page, report

    result = report.make_report(
        outcome, identity=identity, counts=prepared.counts, audit=prepared.audit.as_dict()
    )
    result.update(more)
    path = write_report(run, result)
    text = page.markdown(result, command_line())
    atomic_bytes(path.with_suffix(".md"), text, overwrite=True)
    boards.write_results(run.out, result, text, outcome.shipped)
    print("\n" + "\n".join(page.table_lines(result)))
    print("\n" + "\n".join(textwrap.wrap(page.legend(result), 100)))
    if generators := page.generator_lines(result):
        print("\n" + "\n".join(generators))
    if run.verbose:
        _print_comparisons(result)
    elif result["comparisons"]:
        print(f"\nThe differences between rows, with intervals: {path.with_suffix('.md')}")
    say_where(run, report=path, export=result.get("export", {}).get("path"))
    if "shipped_model" in outcome.choices:
        print(f"\n{page.verdict(outcome.choices)}")
    return result


def _print_comparisons(result: dict) -> None:
    from advrec_tf.pipelines.recommend import page

    print("\nThe differences between rows (NDCG@10, paired over users, 95 % interval):")
    print("\n".join(page.comparison_lines(result["comparisons"])))
    if "cold_start" in result:
        print("\nThe same for users cut to 1, 3 or 5 interactions, on their withheld history:")
        print("\n".join(page.comparison_lines(result["cold_start"]["comparisons"]["withheld"])))


def write_report(run: Run, result: dict) -> Path:
    """report.json in the folder of the run; its path."""
    path = run.out / "report.json"
    atomic_bytes(path, json.dumps(result, indent=2) + "\n", overwrite=True)
    return path


def say_where(run: Run, *, report: Path, export: str | None = None) -> None:
    """Print where the report, TensorBoard's files and the SavedModel are."""
    print(f"\nreport       {report}")
    print(f"TensorBoard  tensorboard --logdir {shlex.quote(str(run.out / 'tensorboard'))}")
    if export is not None:
        print(f"SavedModel   {export}")


def print_list(recommender, user_id: str | None, k: int = 5) -> None:
    """A user's list by title; by default of the user with the median number of interactions."""
    data = recommender.interactions
    user: str | int
    if user_id is None:
        order = data.user_counts().argsort(kind="stable")
        user = data.users.ids[order[len(order) // 2]]
    elif len(data.users) and not isinstance(data.users.ids[0], str):
        user = int(user_id) if user_id.lstrip("-").isdigit() else user_id
    else:
        user = user_id
    listed = recommender.recommend([user], k)
    index = data.items.index_of(listed["item_id"].tolist())
    print(f"\nTop {k} for user {user}:")
    for rank, item_id, i in zip(listed["rank"], listed["item_id"], index, strict=True):
        title = "" if data.item_text is None else data.item_text[i]
        print(f"  {rank:>2}  {title or item_id}" + (f"  [{item_id}]" if title else ""))
