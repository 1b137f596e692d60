"""Reproduce a published table: search on validation, train five seeds, measure once, compare.

Every contender runs in a process of its own, so that its seconds and its peak memory are
its own and a crash costs its row alone. All results are stages of a run folder: a stopped run
goes on where it was. What validation chose is a settings file of the repository; with it
the final figures come again without any search.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from advrec_tf.data.splits import Split
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.jobs.machine import machine
from advrec_tf.jobs.memory import peak_memory
from advrec_tf.jobs.reproduction.contenders import (
    CONTENDERS,
    Contender,
    requirements,
    with_requirements,
)
from advrec_tf.jobs.reproduction.parts import Parts
from advrec_tf.jobs.reproduction.results import (
    identity_of,
    measure,
    report,
    stage_name,
    under_attack,
)
from advrec_tf.jobs.reproduction.search import require_optuna, search
from advrec_tf.jobs.reproduction.tables import TABLES, Table
from advrec_tf.jobs.reproduction.trainers import Choice, Task, keep
from advrec_tf.jobs.stages import StageStore, sole_run

SEARCH_SEED = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What one process is asked to do: choose settings for a contender, or train it finally.

    Attributes:
        table, label: names in `TABLES` and `CONTENDERS`.
        kind: "search" or "final".
        run_dir: folder of stages.
        data_root: where the published data is, or None.
        chosen: label -> choice, of this and every needed contender.
        budget: trials of a search.
        seeds: of a final training.
        threads: TensorFlow's, per operation.
    """

    table: str
    label: str
    kind: str
    run_dir: str
    data_root: str | None
    chosen: Mapping[str, Choice]
    budget: int = 1
    seeds: Sequence[int] = (0,)
    threads: int = 1


def do(work: Work) -> Choice | None:
    """The choice of a search, or None after the final stages."""
    choosing, final = TABLES[work.table].load(work.data_root)
    if work.kind == "search":
        return _choose(work, choosing)
    return _train_finally(work, final)


def _choose(work: Work, choosing: Split) -> Choice:
    table, contender = TABLES[work.table], CONTENDERS[work.label]
    evaluator = RankingEvaluator(choosing.train, choosing.validation, ks=table.ks())
    if contender.like is not None:
        settings = {**work.chosen[contender.like].settings, **contender.override}
        other = CONTENDERS[contender.like]
        contender = dataclasses.replace(
            contender,
            space={name: (value,) for name, value in settings.items()},
            epochs=other.epochs,
            patience=other.patience,
            every=other.every,
        )
    like = contender.like or work.label
    contender = dataclasses.replace(
        contender,
        space={**contender.space, **({} if contender.like else table.sizes.get(work.label, {}))},
        epochs=table.epochs.get(like, contender.epochs),
    )
    return search(
        work.label,
        contender,
        _task(work, contender, choosing.train, evaluator, table, SEARCH_SEED),
        budget=work.budget,
        journal=Path(work.run_dir) / "search.journal",
        say=lambda line: print(line, flush=True),
    )


def _train_finally(work: Work, final: Split) -> None:
    table, contender = TABLES[work.table], CONTENDERS[work.label]
    evaluator = RankingEvaluator(final.train, final.test, ks=sorted({*table.ks(), 10}))
    relevant = final.test.by_user().counts
    store = StageStore(work.run_dir, identity_of(work.table), resume=True)
    choice = work.chosen[work.label]
    needed = {other for label in table.enters for other in CONTENDERS[label].needs}
    for seed in work.seeds:

        def train(_, seed=seed):
            task = _task(work, contender, final.train, None, table, seed)
            task = dataclasses.replace(task, settings=choice.settings, epochs=choice.epochs)
            trained = contender.train(task)
            if work.label in needed:
                keep(task, work.label, trained)
            result = measure(table, evaluator, relevant, trained.model)
            result.summary["seconds"] = trained.seconds
            result.summary["peak_mb"] = peak_memory()
            result.summary["machine"] = machine()
            if contender.attacked:
                result.summary["robustness"] = under_attack(trained.model, final.train, evaluator)
            return result

        summary = store.run(stage_name(work.label, seed, work.chosen), train).summary
        shown = "  ".join(f"{name} {summary[name]:.4f}" for name in table.metrics)
        print(f"  {work.label}, seed {seed}: {shown}  {summary['seconds']:.1f} s", flush=True)


def _do_alone(work: Work) -> Choice | None:
    """`do` in a process of its own."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(work.threads)
    tf.config.threading.set_inter_op_parallelism_threads(work.threads)
    return do(work)


def _task(work: Work, contender: Contender, train, evaluator, table: Table, seed: int) -> Task:
    return Task(
        train=train,
        settings={},
        epochs=contender.epochs,
        evaluator=evaluator,
        monitor=table.choose_by,
        patience=contender.patience,
        every=contender.every,
        seed=seed,
        chosen=work.chosen,
        parts=Parts(Path(work.run_dir) / "parts" / work.kind),
    )


def run(
    name: str,
    *,
    run_dir: Path,
    settings_file: Path,
    data_root: str | None = None,
    budget: int | None = None,
    only: Sequence[str] = (),
    seeds: int = 5,
    workers: int = 1,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> dict:
    """Reproduce the table `name`; returns the report.

    Args:
        run_dir: stages and the journal of the search.
        settings_file: what validation chose, read and (after a search) written.
        budget: trials per contender without a choice; None searches nothing.
        only: labels; by default all that enter the table, without a search those the settings
            file has a choice for.
        seeds: final trainings per contender; fewer where the table says so.
        workers: processes at once; 0 runs everything in this process, where memory is not a
            row's own.

    Raises:
        ValueError: if a name is unknown, or a contender has neither a choice nor a budget.
    """
    if name not in TABLES:
        raise ValueError(f"`table` should be one of {', '.join(TABLES)}. Received: {name!r}.")
    table = TABLES[name]
    unknown = [label for label in only if label not in table.enters]
    if unknown:
        raise ValueError(
            f"`only` should hold labels of {name}: {'; '.join(table.enters)}. "
            f"Received: {unknown[0]!r}."
        )
    table.load(data_root)  # a missing file is said before any work
    chosen = read_choices(settings_file)
    labels = [label for label in table.enters if not only or label in only]
    if budget is None and not only:
        labels = [label for label in labels if set(with_requirements([label])) <= set(chosen)]
    missing = [label for label in with_requirements(labels) if label not in chosen]
    if budget is None and (missing or not labels):
        raise ValueError(
            f"{settings_file} should hold a choice for every row asked for. Received none for "
            f"{'; '.join(missing or table.enters)}. Search them with `--search TRIALS`."
        )
    if missing:
        require_optuna()
    with sole_run(run_dir):
        store = StageStore(run_dir, identity_of(name), resume=resume)
        store.claim()
        failed = _search_and_train(
            name,
            store,
            chosen,
            labels,
            missing,
            settings_file,
            data_root,
            budget,
            seeds,
            workers,
            say,
        )
    result = report(name, run_dir, chosen, seeds)
    for label, reason in failed.items():
        say(f"  {label} FAILED: {reason}")
    result["failed"] = failed
    return result


def _search_and_train(
    name: str,
    store: StageStore,
    chosen: dict[str, Choice],
    labels: Sequence[str],
    missing: Sequence[str],
    settings_file: Path,
    data_root: str | None,
    budget: int | None,
    seeds: int,
    workers: int,
    say: Callable[[str], None],
) -> dict[str, str]:
    """Fill `chosen` and the store; label -> what went wrong, of the rows that failed."""
    table = TABLES[name]
    threads = max(1, (os.cpu_count() or 1) // max(workers, 1))

    def work(label: str, kind: str) -> Work:
        needed = with_requirements([label])
        return Work(
            table=name,
            label=label,
            kind=kind,
            run_dir=str(store.folder),
            data_root=data_root,
            chosen={other: chosen[other] for other in needed if other in chosen},
            budget=budget or 1,
            seeds=tuple(range(min(seeds, table.seeds.get(label, seeds))))
            if CONTENDERS[label].seeded
            else (0,),
            threads=threads,
        )

    def searched(label: str, choice: Choice | None) -> None:
        if choice is not None:
            chosen[label] = choice
            write_choices(settings_file, chosen)

    started, failed = time.perf_counter(), {}
    if budget is not None:
        pending = {label: requirements(label) for label in missing}
        failed = _in_order(
            pending, lambda label: work(label, "search"), searched, workers, set(chosen)
        )
        say(f"searched {len(missing)} contenders in {time.perf_counter() - started:.0f} s")
    untrained = [
        label
        for label in labels
        if label not in failed
        and not all(store.has(stage_name(label, n, chosen)) for n in work(label, "final").seeds)
    ]
    return failed | _in_order(
        {label: set(CONTENDERS[label].needs) & set(untrained) for label in untrained},
        lambda label: work(label, "final"),
        lambda label, _: None,
        workers,
        set(),
    )


def _in_order(
    pending: dict[str, set[str]],
    work: Callable[[str], Work],
    done: Callable[[str, Choice | None], None],
    workers: int,
    finished: set[str],
) -> dict[str, str]:
    """Run each label's work in a process of its own once what it requires is finished.

    Returns:
        label -> what went wrong, of those that failed or lack what they build on.
    """
    pending, failed, running = dict(pending), {}, {}

    def ended(label: str, result: Callable[[], Choice | None]) -> None:
        try:
            done(label, result())
            finished.add(label)
        except Exception as error:  # one row is lost, the others go on
            failed[label] = f"{type(error).__name__}: {error}"

    while pending or running:
        ready = [label for label, needs in pending.items() if needs <= finished]
        if not workers and ready:
            del pending[ready[0]]
            ended(ready[0], lambda label=ready[0]: do(work(label)))
            continue
        for label in ready[: workers - len(running)]:
            # A pool for each: a process that is killed breaks its own alone.
            pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
            running[pool.submit(_do_alone, work(label))] = label, pool
            del pending[label]
        if not running:
            break
        completed, _ = concurrent.futures.wait(
            running, return_when=concurrent.futures.FIRST_COMPLETED
        )
        for future in completed:
            label, pool = running.pop(future)
            ended(label, future.result)
            pool.shutdown()
    for label, needs in pending.items():
        failed[label] = f"builds on {', '.join(sorted(needs - finished))}"
    return failed


def read_choices(path: Path) -> dict[str, Choice]:
    """label -> choice, as `write_choices` wrote them; {} where there is no file."""
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text())["choices"]
        return {
            label: Choice(*(record[n] for n in ("settings", "epochs", "validation", "trials")))
            for label, record in stored.items()
        }
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} should hold the choices of a search, with settings, epochs, validation and "
            f"trials of each. Received: {type(error).__name__}: {error}."
        ) from None


def write_choices(path: Path, chosen: Mapping[str, Choice]) -> None:
    """Replace the settings file; labels in the order of the contenders."""
    record = {
        "choices": {
            label: {
                "settings": dict(chosen[label].settings),
                "epochs": chosen[label].epochs,
                "validation": chosen[label].value,
                "trials": chosen[label].trials,
            }
            for label in CONTENDERS
            if label in chosen
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(partial, path)
