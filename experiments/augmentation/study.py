"""From interactions to the report: filters, attributes, and all parts of the study.

The setting of an entry is chosen with the first seed on validation and kept for the others. For the
long tail it is chosen otherwise: the largest fraction of rare items among the settings that keep
99 % of the baseline's validation accuracy, or else the setting that keeps most.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from advrec_tf._version import __version__
from advrec_tf.data.filters import k_core, without_repeats
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.side_tables import read_attributes
from advrec_tf.models.attribute_baselines import attribute_groups
from advrec_tf.models.content.modalities import Modality
from advrec_tf.pipelines.run_lock import sole_run
from advrec_tf.pipelines.stages import StageStore
from experiments.augmentation import sequences
from experiments.augmentation.entries import BASELINES, entries_of
from experiments.augmentation.setting import MONITOR, TAIL, make_setting
from experiments.augmentation.settings import PARTS, AugmentationSettings
from experiments.augmentation.training import Context
from experiments.cold_start.content import coded_where_few
from experiments.harness.compare import compare, mean, over_seeds
from experiments.harness.results import Result
from experiments.harness.sweep import Study, highest_validation, sweep

KEPT = 0.99
_MIN_USER_INTERACTIONS = 3


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """Interactions, coded attributes and their groups (both None without any), and counts."""

    interactions: Interactions
    attributes: Modality | None
    groups: np.ndarray | None
    about: dict


def prepare(
    interactions: Interactions,
    settings: AugmentationSettings,
    user_attributes: str | os.PathLike | None = None,
) -> Prepared:
    """Without repeats and rare items, with what is known of users.

    Raises:
        ValueError, OSError: as the filters and the reader of attributes say.
    """
    data, repeated = without_repeats(interactions)
    data, rare = k_core(data, users=_MIN_USER_INTERACTIONS, items=settings.item_core)
    about = {"interactions": len(data), "users": data.num_users, "items": data.num_items}
    about |= {
        "repeated interactions left out": repeated,
        "interactions of rare items or users left out": rare,
    }
    if user_attributes is not None:
        table, missing = read_attributes(
            user_attributes, data.users, id_column="user_id", log=print
        )
        data = dataclasses.replace(data, user_features=table)
        about["users without attributes"] = missing
    attributes = groups = None
    if data.user_features is not None:
        attributes, left_out = coded_where_few(data.user_features, "attributes")
        if attributes is not None:
            kept = data.user_features.drop(columns=left_out)
            groups = attribute_groups(kept)
            about["attributes"] = ", ".join(map(str, kept.columns))
    about |= {"data SHA-256": data.fingerprint()[:16], "version": __version__}
    return Prepared(interactions=data, attributes=attributes, groups=groups, about=about)


def allowed_parts(prepared: Prepared, asked: Sequence[str] | None) -> list[str]:
    """The parts that are run, in their order.

    Raises:
        ValueError: if a part is asked for that the data does not allow.
    """
    without = {}
    if prepared.attributes is None:
        without["cold"] = "users have no attributes (--user-attributes)"
    if prepared.interactions.timestamp is None:
        without["sequences"] = "interactions have no times (--time-column)"
    for part in asked or ():
        if part in without:
            raise ValueError(f"`parts` should leave out {part!r}: {without[part]}.")
    return [part for part in PARTS if part in (asked or PARTS) and part not in without]


def keeping_accuracy(results: Sequence[Result], baseline: Result | None, monitor: str) -> int:
    """The number of the result with the most rare items among those that keep the accuracy."""
    if baseline is None:
        return highest_validation(results, baseline, monitor)
    values = [result.metrics["validation"] for result in results]
    least = KEPT * baseline.metrics["validation"][monitor]
    kept = [number for number, value in enumerate(values) if value[monitor] >= least]
    if not kept:
        return highest_validation(results, baseline, monitor)
    return max(kept, key=lambda number: values[number][TAIL])


RULES = {"tail": keeping_accuracy}


def default(part: str, results: Mapping[str, Sequence[Result]]) -> str:
    """The entry that validation prefers over all seeds, by the rule of the part."""
    means = [Result(over_seeds([r.metrics for r in found], mean)) for found in results.values()]
    labels = list(results)
    baseline = means[labels.index(BASELINES[part])]
    return labels[RULES.get(part, highest_validation)(means, baseline, MONITOR)]


def run_part(
    part: str,
    prepared: Prepared,
    settings: AugmentationSettings,
    store: StageStore,
    *,
    log: Callable[[str], None] = print,
) -> dict:
    """The report of one part, as JSON values."""
    entries = {
        label: entry
        for label, entry in entries_of(part, settings).items()
        if prepared.attributes is not None or not entry.needs
    }
    study = Study(
        name=part,
        entries=entries,
        setting=lambda seed: make_setting(part, prepared.interactions, seed),
        context=Context(settings=settings, attributes=prepared.attributes, groups=prepared.groups),
        baseline=BASELINES[part],
        monitor=MONITOR,
        choose=RULES.get(part, highest_validation),
    )
    seeds = range(settings.seed, settings.seed + settings.seeds)
    found = sweep(study, store, seeds=seeds, log=log)
    return {
        "part": part,
        "baseline": study.baseline,
        "seeds": settings.seeds,
        "tests": list(found.results[study.baseline][0].per_user),
        "default": default(part, found.results),
        # A generator is compared with every other entry, its ablation among them.
        "entries": compare(
            study,
            found,
            against=lambda label: entries if entries[label].ablation else [study.baseline],
        ),
    }


def run(
    interactions: Interactions,
    settings: AugmentationSettings,
    run_dir: str | os.PathLike,
    *,
    user_attributes: str | os.PathLike | None = None,
    parts: Sequence[str] | None = None,
    resume: bool = False,
    log: Callable[[str], None] = print,
) -> dict:
    """The report of all parts; see `experiments.augmentation`.

    Raises:
        ValueError: if the data does not allow a part, or the folder holds another run; besides
            those of `prepare`.
    """
    prepared = prepare(interactions, settings, user_attributes)
    wanted = allowed_parts(prepared, parts)
    kept = dataclasses.asdict(settings)
    for name in ("seeds", "sequence_seeds"):  # more may be asked for later
        del kept[name]
    about = {name: str(value) for name, value in prepared.about.items()}
    reports = []
    with sole_run(run_dir):
        side = prepared.interactions.fingerprint_of_features()
        identity = {"job": "augmentation", "settings": kept, "side_tables_sha256": side, **about}
        store = StageStore(Path(run_dir), identity, resume=resume)
        for part in wanted:
            if part == "sequences":
                report = sequences.run_sequences(prepared.interactions, settings, store, log=log)
            else:
                report = run_part(part, prepared, settings, store, log=log)
            reports.append(report)
    about = {**prepared.about}
    if left_out := [part for part in PARTS if part not in wanted]:
        about["parts not run"] = ", ".join(left_out)
    return {
        "about": about,
        "settings": dataclasses.asdict(settings),
        "parts": reports,
    }
