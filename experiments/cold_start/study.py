"""The scenarios of the cold-start study: what each trains and measures on, and its report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from advrec_tf.data.splits import last_item
from advrec_tf.evaluation.protocols import cold_items, cold_start
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.pipelines.stages import StageStore
from experiments.cold_start.content import Content
from experiments.cold_start.entries import SCENARIOS
from experiments.cold_start.training import Context
from experiments.harness.compare import compare, mean
from experiments.harness.settings import Setting
from experiments.harness.sweep import Study, sweep

COUNTS = (0, 1, 3, 5)
CHOOSING_SEED = 100
METRICS = ("ndcg@10", "hit_rate@10", "mrr", "coverage@10")


def make_setting(scenario: str, content: Content, *, seed: int = 0) -> tuple[Setting, Content]:
    """The split of a scenario, the same for every entry and training seed, and what is known in it.

    items: a fifth of the items with a text loses all interactions, half of it for validation.
    finetuned: the same.
    missing: the same, and every other cold item has no text either.
    users: a fifth of the users is cut to 0, 1, 3 or 5 interactions.
    warm: the last item of each user; nothing is cold.

    Raises:
        ValueError: if there is no such scenario; besides those of the protocols.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"`scenario` should be one of {tuple(SCENARIOS)}. Received: {scenario!r}.")
    data = content.interactions
    if scenario in ("items", "missing", "finetuned"):
        cold = cold_items(data, among=content.items_with_text, seed=seed)
        notes = {"cold items": len(cold.items)}
        train, tested, asked, validation = (
            cold.train,
            cold.test,
            cold.test_items,
            cold.validation,
        )
        if scenario == "missing":
            hidden = cold.items[::2]
            content = dataclasses.replace(content, text=content.text.without(hidden))
            notes["cold items without text"] = len(hidden)
            tested = tested.select(np.isin(tested.item_index, hidden))
            validation = validation.select(np.isin(validation.item_index, hidden))
            asked = np.intersect1d(asked, hidden)
        test = RankingEvaluator(train, tested)
        measured = {
            "tests": {"all items": test, "cold items": test},
            "candidates": {"cold items": asked},
        }
    elif scenario == "users":
        cold = cold_start(last_item(data, ties="file"), counts=COUNTS, seed=seed)
        notes = {"cold users": len(cold.users)}
        train, validation = cold.train, cold.validation
        measured = {
            "tests": {"all items": RankingEvaluator(train, cold.test)},
            "groups": {f"cut to {count}": users for count, users in cold.users_cut_to.items()},
        }
    else:
        split = last_item(data, ties="file")
        notes, train, validation = {}, split.train, split.validation
        test = RankingEvaluator(train, split.test, also_seen=split.validation)
        measured = {"tests": {"all items": test}}
    setting = Setting(
        seed=seed,
        interactions=train,
        validation=RankingEvaluator(train, validation),
        metrics=METRICS,
        notes={**notes, "training interactions": len(train)},
        **measured,
    )
    return setting, content


def run_scenario(
    scenario: str,
    content: Content,
    store: StageStore,
    *,
    seeds: int,
    epochs: int,
    points: int,
    only: Sequence[str] = (),
    log: Callable[[str], None] = print,
) -> dict:
    """Every entry that the content allows; a report as JSON values.

    Args:
        seeds: trainings of an entry; one where the seed changes nothing.
        epochs: at most so many.
        points: at most so many values of an entry's setting are tried on validation, with a seed of
            their own.
        only: labels, where not all entries are wanted.

    Raises:
        ValueError: if `only` names no entry of the scenario.
    """
    setting, content = make_setting(scenario, content)
    study = Study(
        name=scenario,
        entries=SCENARIOS[scenario],
        setting=lambda seed: setting,
        context=Context(content=content, epochs=epochs),
        choosing_seed=CHOOSING_SEED,
        max_points=points,
    ).only(only or list(SCENARIOS[scenario]))
    lacking = {
        label: [need for need in entry.needs if getattr(content, need) is None]
        for label, entry in study.entries.items()
    }
    study = study.only([label for label, needs in lacking.items() if not needs])
    found = sweep(study, store, seeds=range(seeds), log=log)
    entries = compare(study, found)
    for label, results in found.results.items():
        disturbed = [r.details["robustness"] for r in results if "robustness" in r.details]
        if disturbed:
            entries[label]["robustness"] = {
                kind: mean([one[kind] for one in disturbed]) for kind in disturbed[0]
            }
    return {
        "scenario": scenario,
        "notes": {**content.notes, **setting.notes},
        "tests": list(setting.tests),
        "groups": list(setting.groups),
        "entries": entries,
        "left_out": {
            label: f"the data has no {' and '.join(needs)}"
            for label, needs in lacking.items()
            if needs
        },
        "not_run": [label for label in SCENARIOS[scenario] if only and label not in only],
    }
