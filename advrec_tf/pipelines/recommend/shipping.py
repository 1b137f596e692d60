"""Which model goes out, and how strongly popularity speaks for users with few interactions."""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.vectors import VectorRecommender, with_popularity_prior
from advrec_tf.pipelines.recommend import variants
from advrec_tf.pipelines.recommend.comparison import Contest
from advrec_tf.pipelines.recommend.variants import Arena
from advrec_tf.pipelines.stages import StageResult

PRIOR_SCALES = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0)

LEAST_GAIN = 0.01
"""Relative gain on the choosing half below which a prior is not worth having."""


@dataclasses.dataclass(frozen=True)
class Prior:
    """The popularity prior of a served model; `scale` None means there is none."""

    scale: float | None
    few: int

    def on(self, result: StageResult, train: Interactions) -> VectorRecommender:
        """The stored model with this prior folded into its vectors."""
        return with_popularity_prior(
            result.arrays["user_vectors"],
            result.arrays["item_vectors"],
            train,
            scale=1.0 if self.scale is None else self.scale,
            few=0 if self.scale is None else self.few,
        )


def ship(contest: Contest, whole: Arena, cold: Arena | None) -> tuple[VectorRecommender, dict]:
    """The model that validation prefers, with its prior, and the choices made on the way.

    Models are compared by their mean over seeds and the best seed goes out. The rows
    `tower+prior` and `shipped` are added to the contest, in both arenas.
    """
    results = contest.results["whole"]
    candidates = {
        model: float(np.mean([r.summary["validation"] for r in of_seeds]))
        for model, of_seeds in results.items()
        if "user_vectors" in of_seeds[0].arrays
    }
    best = max(candidates, key=candidates.get)
    seed = int(np.argmax([r.summary["validation"] for r in results[best]]))
    baselines = {
        model: results[model][0].summary["validation"]
        for model in ("popularity", "ease")
        if model in results
    }
    choices = {
        "shipped_model": best,
        "shipped_seed": contest.seeds[seed],
        "validation_of_candidates": candidates,
        "validation_of_baselines": baselines,
    }
    arenas = [arena for arena in (whole, cold) if arena is not None]
    for row, model in (("tower+prior", "tower"), ("shipped", best)):
        prior, tried = choose_prior(contest, model, cold)
        choices[row] = {"prior_scale": prior.scale, "few": prior.few, "scales_tried": tried}
        for arena in arenas:
            for result in contest.results[arena.name][model]:
                measured = variants.measure(prior.on(result, arena.train), arena)
                summary = {**result.summary, **measured.summary}
                contest.keep(arena, row, StageResult(summary, measured.arrays))
    return prior.on(results[best][seed], whole.train), choices


def choose_prior(
    contest: Contest, model: str, cold: Arena | None
) -> tuple[Prior, dict[str, float]]:
    """The scale under which users cut short fare best on the choosing half of what they lost.

    No prior where it gains less than `LEAST_GAIN`, or where there is no cold arena to choose
    it on.
    """
    few = contest.settings.few
    if cold is None:
        return Prior(None, few), {}
    tried = {}
    for scale in (None, *PRIOR_SCALES):
        values = [
            cold.tests["choosing"].evaluate(Prior(scale, few).on(result, cold.train))
            for result in contest.results["cold"][model]
        ]
        tried[scale] = float(np.mean([value.metrics["ndcg@10"] for value in values]))
    best = max(tried, key=tried.get)
    if tried[best] < (1.0 + LEAST_GAIN) * tried[None]:
        best = None
    return Prior(best, few), {"off" if s is None else f"{s:g}": v for s, v in tried.items()}
