"""From interactions to the report: filters, attributes, all parts, plots."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from advrec_tf._version import __version__
from advrec_tf.data.filters import k_core, without_repeats
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.side_tables import read_attributes
from advrec_tf.models.attribute_baselines import attribute_groups
from advrec_tf.models.content.tower import Modality
from advrec_tf.pipelines.recommend.plots import write_figures
from advrec_tf.pipelines.stages import StageStore, sole_run
from experiments.augmentation import figures, runner, sequences
from experiments.augmentation.settings import PARTS, AugmentationSettings
from experiments.cold_start.content import coded_where_few

_FEWEST_ROWS = 3


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Prepared:
    """Data of the job: rows, coded attributes and their groups (both None without any), notes."""

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
    data, rare = k_core(data, users=_FEWEST_ROWS, items=settings.item_core)
    about = {"rows": len(data), "users": data.num_users, "items": data.num_items}
    about |= {"repeated rows left out": repeated, "rows of rare items or users left out": rare}
    if user_attributes is not None:
        table, missing = read_attributes(user_attributes, data.users, id_column="user_id")
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
        ValueError: if a part is asked for that the data cannot feed.
    """
    without = {}
    if prepared.attributes is None:
        without["cold"] = "users have no attributes (--user-attributes)"
    if prepared.interactions.timestamp is None:
        without["sequences"] = "rows have no times (--time-column)"
    for part in asked or ():
        if part in without:
            raise ValueError(f"`parts` should leave out {part!r}: {without[part]}.")
    return [part for part in PARTS if part in (asked or PARTS) and part not in without]


def finished(
    part: str, prepared: Prepared, settings: AugmentationSettings, store: StageStore
) -> AugmentationSettings | None:
    """The settings with as many seeds as the store has of the part; None where it has none."""
    if part == "sequences":
        count = sequences.finished_seeds(settings, store)
        return dataclasses.replace(settings, sequence_seeds=count) if count else None
    count = runner.finished_seeds(part, prepared.attributes, settings, store)
    return dataclasses.replace(settings, seeds=count) if count else None


def run(
    interactions: Interactions,
    settings: AugmentationSettings,
    run_dir: str | os.PathLike,
    *,
    user_attributes: str | os.PathLike | None = None,
    parts: Sequence[str] | None = None,
    title: str,
    command: str,
    resume: bool = False,
    page_only: bool = False,
    write: Callable[[str], None] = print,
) -> tuple[dict, list[Path]]:
    """(the report, files of plots); see `scripts/augmentation.py`.

    With `page_only` nothing is trained: the report holds the seeds of each part that are finished.

    Raises:
        ValueError: if the data cannot feed a part, the folder holds another run, or nothing in
            it is finished; besides those of `prepare`.
    """
    prepared = prepare(interactions, settings, user_attributes)
    wanted = allowed_parts(prepared, parts)
    identity = {
        "job": "augmentation",
        # More seeds may be asked for later: those that are there stay as they are.
        "settings": {
            name: value
            for name, value in dataclasses.asdict(settings).items()
            if name not in ("seeds", "sequence_seeds")
        },
        **{name: str(value) for name, value in prepared.about.items()},
    }
    reports = []
    with contextlib.nullcontext() if page_only else sole_run(run_dir):
        store = StageStore(run_dir, identity, resume=resume or page_only)
        for part in wanted:
            own = settings
            if page_only:
                own = finished(part, prepared, settings, store)
                if own is None:
                    write(f"{part}: no seed is finished")
                    continue
            if part == "sequences":
                report = sequences.run_sequences(prepared.interactions, own, store, write=write)
            else:
                report = runner.run_part(
                    part,
                    prepared.interactions,
                    prepared.attributes,
                    prepared.groups,
                    own,
                    store,
                    write=write,
                )
            reports.append(report)
    if not reports:
        raise ValueError(
            f"`run_dir` should hold a finished seed of a part. Received {run_dir}, which has none."
        )
    about = {**prepared.about}
    left_out = sorted({*PARTS} - {report["part"] for report in reports}, key=PARTS.index)
    if left_out:
        about["parts not here"] = ", ".join(left_out)
    plots = write_figures(figures.draw(reports, title), Path(run_dir))
    report = {
        "command": command,
        "about": about,
        "settings": dataclasses.asdict(settings),
        "parts": reports,
    }
    return report, plots
