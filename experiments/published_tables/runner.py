"""Reproduce a published table: search on validation, train five seeds, measure once, compare.

Every model runs in a process of its own, so that its seconds and its peak memory are
its own and a crash costs its row alone. All results are stages of a run folder: a stopped run
goes on where it was. What validation chose is a settings file of the repository; with it
the final figures come again without any search.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from advrec_tf.data.splits import Split
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.pipelines.machine import machine
from advrec_tf.pipelines.memory import peak_memory
from advrec_tf.pipelines.processes import in_order
from advrec_tf.pipelines.stages import StageStore, sole_run
from experiments.published_tables.files import read_choices, read_report, write_choices
from experiments.published_tables.models import (
    MODELS,
    ModelSpec,
    requirements,
    with_requirements,
)
from experiments.published_tables.parts import Parts
from experiments.published_tables.results import (
    extended,
    identity_of,
    measure,
    report,
    stage_name,
    under_attack,
)
from experiments.published_tables.search import require_optuna, search
from experiments.published_tables.tables import TABLES, Table
from experiments.published_tables.tasks import Choice, Task, keep

SEARCH_SEED = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What one process is asked to do: choose settings for a model, or train it finally.

    Attributes:
        table, label: names in `TABLES` and `MODELS`.
        kind: "search" or "final".
        run_dir: folder of stages.
        data_root: where the published data is, or None.
        chosen: label -> choice, of this and every needed model.
        budget: trials of a search.
        seeds: of a final training.
    """

    table: str
    label: str
    kind: str
    run_dir: str
    data_root: str | None
    chosen: Mapping[str, Choice]
    budget: int = 1
    seeds: Sequence[int] = (0,)


def do(work: Work) -> Choice | None:
    """The choice of a search, or None after the final stages."""
    validation, final = TABLES[work.table].load(work.data_root)
    if work.kind == "search":
        return _choose(work, validation)
    return _train_finally(work, final)


def _choose(work: Work, validation: Split) -> Choice:
    table, spec = TABLES[work.table], MODELS[work.label]
    like = spec.like or work.label
    leader = MODELS[like]
    epochs = untuned_epochs = table.limits.epochs.get(like, leader.epochs)
    if spec.like is not None:
        settings = {**work.chosen[like].settings, **spec.override}
        space = {name: (value,) for name, value in settings.items()}
        untuned_epochs = work.chosen[like].epochs
    else:
        space = {**spec.space, **table.limits.sizes.get(work.label, {})}
    spec = dataclasses.replace(
        spec, space=space, epochs=epochs, patience=leader.patience, every=leader.every
    )
    if work.label in table.limits.untuned:
        return Choice(spec.default(), untuned_epochs, trials=0)
    evaluator = RankingEvaluator(validation.train, validation.validation, ks=table.ks())
    return search(
        work.label,
        spec,
        _task(work, spec, validation.train, evaluator, table, SEARCH_SEED),
        budget=work.budget,
        journal=Path(work.run_dir) / "search.journal",
        say=lambda line: print(line, flush=True),
    )


def _train_finally(work: Work, final: Split) -> None:
    table, spec = TABLES[work.table], MODELS[work.label]
    evaluator = RankingEvaluator(final.train, final.test, ks=sorted({*table.ks(), 10}))
    relevant = final.test.by_user().counts
    store = StageStore(work.run_dir, identity_of(work.table), resume=True)
    choice = work.chosen[work.label]
    needed = {other for label in table.enters for other in MODELS[label].needs}
    for seed in work.seeds:

        def train(_, seed=seed):
            task = _task(work, spec, final.train, None, table, seed)
            task = dataclasses.replace(task, settings=choice.settings, epochs=choice.epochs)
            trained = spec.train(task)
            if work.label in needed:
                keep(task, work.label, trained)
            result = measure(table, evaluator, relevant, trained.model)
            result.summary["seconds"] = trained.seconds
            result.summary["peak_mb"] = peak_memory()
            result.summary["machine"] = machine()
            if spec.attacked:
                result.summary["robustness"] = under_attack(trained.model, final.train, evaluator)
            return result

        summary = store.run(stage_name(work.label, seed, work.chosen), train).summary
        shown = "  ".join(f"{name} {summary[name]:.4f}" for name in table.metrics)
        print(f"  {work.label}, seed {seed}: {shown}  {summary['seconds']:.1f} s", flush=True)


def _task(work: Work, spec: ModelSpec, train, evaluator, table: Table, seed: int) -> Task:
    return Task(
        train=train,
        settings={},
        epochs=spec.epochs,
        evaluator=evaluator,
        monitor=table.choose_by,
        patience=spec.patience,
        every=spec.every,
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
    onto: Path | None = None,
    say: Callable[[str], None] = print,
) -> dict:
    """Reproduce the table `name`; returns the report.

    Args:
        run_dir: stages and the journal of the search.
        settings_file: what validation chose, read and (after a search) written.
        budget: trials per model without a choice; None searches nothing.
        only: labels; by default all that enter the table, without a search those the settings
            file has a choice for.
        seeds: final trainings per model; fewer where the table says so.
        workers: processes at once; 0 runs everything in this process, where memory is not a
            row's own.
        onto: an earlier report of the table, whose other rows are kept (`results.extended`).

    Raises:
        ValueError: if a name is unknown, a model has neither a choice nor a budget, or
            `onto` is no report of this table.
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
    earlier = None if onto is None else read_report(onto, name)
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
        plan = _Plan(name, str(store.folder), data_root, budget, seeds)
        failed = {}
        if budget is not None:
            failed = _search(plan, missing, chosen, settings_file, workers, say)
        failed |= _train(plan, [n for n in labels if n not in failed], chosen, store, workers)
    result = report(name, run_dir, chosen, seeds)
    if earlier is not None:
        result = extended(result, earlier, chosen)
        for label in result["outdated"]:
            say(f"  {label}: the row of {onto} has other settings now, or rests on one that has")
    for label, reason in failed.items():
        say(f"  {label} FAILED: {reason}")
    result["failed"] = failed
    return result


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is the same for every process of a run."""

    table: str
    run_dir: str
    data_root: str | None
    budget: int | None
    seeds: int

    def numbers(self, label: str) -> tuple[int, ...]:
        """The seeds of a row's final trainings."""
        most = min(self.seeds, TABLES[self.table].limits.seeds.get(label, self.seeds))
        return tuple(range(most)) if MODELS[label].seeded else (0,)

    def work(self, label: str, kind: str, chosen: Mapping[str, Choice]) -> Callable[[], Choice]:
        needed = with_requirements([label])
        asked = Work(
            table=self.table,
            label=label,
            kind=kind,
            run_dir=self.run_dir,
            data_root=self.data_root,
            chosen={other: chosen[other] for other in needed if other in chosen},
            budget=self.budget or 1,
            seeds=self.numbers(label),
        )
        return functools.partial(do, asked)


def _search(
    plan: _Plan,
    missing: Sequence[str],
    chosen: dict[str, Choice],
    settings_file: Path,
    workers: int,
    say: Callable[[str], None],
) -> dict[str, str]:
    """Fill `chosen` and its file; label -> what went wrong, of the searches that failed."""

    def searched(label: str, choice: Choice | None) -> None:
        if choice is not None:
            chosen[label] = choice
            write_choices(settings_file, chosen)

    started = time.perf_counter()
    failed = in_order(
        {label: requirements(label) for label in missing},
        lambda label: plan.work(label, "search", chosen),
        searched,
        workers,
        set(chosen),
    )
    say(f"searched {len(missing)} models in {time.perf_counter() - started:.0f} s")
    return failed


def _train(
    plan: _Plan,
    labels: Sequence[str],
    chosen: Mapping[str, Choice],
    store: StageStore,
    workers: int,
) -> dict[str, str]:
    """Fill the store with what it lacks; label -> what went wrong, of the rows that failed."""
    untrained = [
        label
        for label in labels
        if not all(store.has(stage_name(label, n, chosen)) for n in plan.numbers(label))
    ]
    return in_order(
        {label: set(MODELS[label].needs) & set(untrained) for label in untrained},
        lambda label: plan.work(label, "final", chosen),
        lambda label, _: None,
        workers,
    )
