"""Which model is exported, and how strong its popularity prior is."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import Recommender
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.vectors import (
    VectorRecommender,
    load_vectors,
    save_vectors,
    with_popularity_prior,
)
from advrec_tf.ops.files import atomic_file
from advrec_tf.ops.stored import DamagedFileError
from advrec_tf.pipelines.progress import LOG
from advrec_tf.pipelines.recommend import variants
from advrec_tf.pipelines.recommend.comparison import BASELINES, ModelComparison
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM
from advrec_tf.pipelines.recommend.variants import EvaluationSetting
from advrec_tf.pipelines.stages import StageResult

VECTORS, WHOLE = "shipped.npz", "shipped.keras"
"""Where a run keeps the model it ships: vectors, or a next-item model as a whole."""

PRIOR_SCALES = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0)

LEAST_GAIN = 0.01
"""Relative gain on the choosing half below which a prior is not worth having."""


@dataclasses.dataclass(frozen=True)
class Prior:
    """The popularity prior of a served model; `scale` None means there is none."""

    scale: float | None
    prior_max_history: int

    def on(self, result: StageResult, train: Interactions) -> VectorRecommender:
        """The stored model with this prior folded into its vectors."""
        return with_popularity_prior(
            result.arrays["user_vectors"],
            result.arrays["item_vectors"],
            train,
            scale=1.0 if self.scale is None else self.scale,
            prior_max_history=0 if self.scale is None else self.prior_max_history,
        )

    def of_new_users(
        self, recommender: VectorRecommender, stored: StageResult, *, wanted: bool
    ) -> VectorRecommender:
        """The recommender with the stored queries by columns, if there are some; with this prior in
        their lists where that is `wanted` and there is one."""
        new_users = NewUsers.from_arrays(stored.arrays)
        scale = self.scale if wanted and new_users is not None else None
        if wanted and scale is None:
            why = (
                "no prior was chosen" if new_users is not None else "there are no lists by columns"
            )
            LOG.info(f"note: new users have no popularity prior (`new_user_prior`), since {why}")
        return dataclasses.replace(recommender, new_users=new_users, new_user_scale=scale)


def ship(
    comparison: ModelComparison, whole: EvaluationSetting, cold: EvaluationSetting | None
) -> tuple[VectorRecommender, dict]:
    """The model that validation prefers, with its prior, and the choices made on the way.

    Models are compared by their mean over seeds and the best seed goes out. The rows
    `tower+prior` and `shipped` are added to the comparison, in both evaluation settings.
    """
    results = comparison.results["whole"]
    candidates = {
        model: float(np.mean([r.summary["validation"] for r in of_seeds]))
        for model, of_seeds in results.items()
        if "user_vectors" in of_seeds[0].arrays
    }
    best = max(candidates, key=candidates.get)
    seed = int(np.argmax([r.summary["validation"] for r in results[best]]))
    baselines = {
        model: results[model][0].summary["validation"] for model in BASELINES if model in results
    }
    choices = {
        "shipped_model": best,
        "shipped_seed": comparison.seeds[seed],
        "validation_of_candidates": candidates,
        "validation_of_baselines": baselines,
        "validation_of_next_item": {
            model: float(np.mean([r.summary["validation"] for r in of_seeds]))
            for model, of_seeds in results.items()
            if model.split("+")[0] in NEXT_ITEM
        },
    }
    evaluation_settings = [setting for setting in (whole, cold) if setting is not None]
    for row, model in (("tower+prior", "tower"), ("shipped", best)):
        prior, tried = choose_prior(comparison, model, cold)
        choices[row] = {
            "prior_scale": prior.scale,
            "prior_max_history": prior.prior_max_history,
            "scales_tried": tried,
        }
        for setting in evaluation_settings:
            for result in comparison.results[setting.name][model]:
                measured = variants.measure(prior.on(result, setting.train), setting)
                summary = {**result.summary, **measured.summary}
                comparison.keep(setting, row, StageResult(summary, measured.arrays))
    chosen = results[best][seed]
    wanted = comparison.settings.new_user_prior
    return prior.of_new_users(prior.on(chosen, whole.train), chosen, wanted=wanted), choices


def choose_prior(
    comparison: ModelComparison, model: str, cold: EvaluationSetting | None
) -> tuple[Prior, dict[str, float]]:
    """The scale of the prior that is best for users with cut histories, on validation.

    No prior where it gains less than `LEAST_GAIN`, or where there is no cold evaluation setting to
    choose it on.
    """
    prior_max_history = comparison.settings.prior_max_history
    if cold is None:
        return Prior(None, prior_max_history), {}
    tried = {}
    for scale in (None, *PRIOR_SCALES):
        values = [
            cold.tests["validation"].evaluate(
                Prior(scale, prior_max_history).on(result, cold.train)
            )
            for result in comparison.results["cold"][model]
        ]
        tried[scale] = float(np.mean([value.metrics["ndcg@10"] for value in values]))
    best = max(tried, key=tried.get)
    if tried[best] < (1.0 + LEAST_GAIN) * tried[None]:
        best = None
    return Prior(best, prior_max_history), {
        "off" if s is None else f"{s:g}": v for s, v in tried.items()
    }


def save_shipped(model: Recommender, folder: Path) -> None:
    """Write the model that a run ships into its folder, from where `load_shipped` has it."""
    if isinstance(model, VectorRecommender):
        save_vectors(model, folder / VECTORS)
        return
    with atomic_file(folder / WHOLE, overwrite=True) as unfinished:
        model.save(unfinished)


def load_shipped(folder: Path) -> Recommender:
    """The model that a run shipped.

    Raises:
        ValueError: if the folder has none.
        DamagedFileError: if its file is damaged.
    """
    if (folder / VECTORS).is_file():
        return load_vectors(folder / VECTORS)
    if not (folder / WHOLE).is_file():
        raise ValueError(
            f"{folder} should hold {VECTORS} or {WHOLE}, which a run writes when it ends. "
            "Received a folder without them."
        )
    try:
        return keras.models.load_model(folder / WHOLE, compile=False)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        cure = "Write it again by running the command with --resume."
        raise DamagedFileError(folder / WHOLE, str(error).splitlines()[0], cure) from error
