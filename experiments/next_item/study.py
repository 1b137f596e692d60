"""All protocols of one data set, as stages of a run that can be resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from advrec_tf.pipelines.stages import StageStore
from experiments.harness.compare import compare
from experiments.harness.sweep import Study, sweep
from experiments.next_item.entries import CHOSEN, EASE_ITEMS, baselines
from experiments.next_item.models import models
from experiments.next_item.protocols import DATA, NextItemSetting, Protocol

CHOOSING_SEED = 100

ALL = "all"
"""Asks for all trained rows."""


def run(
    name: str,
    store: StageStore,
    *,
    root: str | None = None,
    protocols: Sequence[str] = (),
    without: Sequence[str] = (),
    trained: Sequence[str] = (),
    seeds: int = 1,
    log: Callable[[str], None] = print,
) -> dict[str, dict]:
    """Protocol -> its text, facts, columns, entries and published figures, as JSON values.

    Args:
        name: one of `protocols.DATA`.
        root: where the data lie, see `readers.published_splits.data_root`.
        protocols: only these; by default all of the data set.
        without: labels of rows that are not run.
        trained: labels of the trained rows that are run, or "all"; by default none.
        seeds: trainings of an entry that has random numbers.

    Raises:
        ValueError: if the data set has no such protocol.
    """
    asked = DATA[name]
    for protocol in protocols:
        if protocol not in asked:
            raise ValueError(
                f"`protocols` of {name} should be among {', '.join(asked)}. Received: {protocol!r}."
            )
    return {
        label: _run(label, protocol, protocol.setting(root), store, (without, trained), seeds, log)
        for label, protocol in asked.items()
        if not protocols or label in protocols
    }


def _run(
    label: str,
    protocol: Protocol,
    setting: NextItemSetting,
    store: StageStore,
    chosen: tuple[Sequence[str], Sequence[str]],
    seeds: int,
    log: Callable[[str], None],
) -> dict:
    num_items = setting.interactions.num_items
    without, asked = chosen
    counted, trained = baselines(num_items, protocol.days), models(protocol.size)
    if unknown := [name for name in asked if name not in (*trained, ALL)]:
        raise ValueError(
            f"`trained` should name trained rows, or be {ALL!r}: {'; '.join(trained)}. "
            f"Received: {unknown[0]!r}."
        )
    rows = counted | trained
    absent = {*without, *(name for name in trained if name not in asked and ALL not in asked)}
    left_out = {name: "not run yet" for name in rows if name in absent}
    if "EASE" not in rows:
        left_out["EASE"] = (
            f"{num_items:,} items are more than it is fitted to here ({EASE_ITEMS:,})"
        )
    study = Study(
        name=label.replace(" ", "_"),
        entries={name: entry for name, entry in rows.items() if name not in absent},
        setting=lambda seed: setting_of(setting, seed),
        baseline=CHOSEN,
        monitor=setting.monitor,
        choosing_seed=CHOOSING_SEED,
    )
    entries = compare(study, sweep(study, store, seeds=range(seeds), log=log))
    return {
        "text": protocol.text,
        "facts": dict(setting.notes),
        "metrics": list(protocol.metrics),
        "refit": protocol.refit,
        "left_out": left_out,
        "entries": entries,
        "published": _published(protocol.published),
    }


def setting_of(setting: NextItemSetting, seed: int) -> NextItemSetting:
    """With the choosing seed nothing is fitted on what settings are chosen by."""
    fitted = setting.interactions if seed == CHOOSING_SEED else setting.fitted
    return dataclasses.replace(setting, seed=seed, fitted=fitted)


def _published(figures: Mapping[str, tuple[Mapping[str, float], str]]) -> list[dict]:
    return [
        {"model": model, "metrics": dict(values), "source": source}
        for model, (values, source) in figures.items()
    ]
