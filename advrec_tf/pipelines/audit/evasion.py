"""The section `evasion`: FGSM and PGD on the vectors of a model, beside noise of the same size.

Attack and measure are those of `evaluation.robustness`. Whether the attack converged is asked by
spending more steps, FGSM being one step: where more still lower the metric its figures are lower
bounds of the harm, and where more raise it again the attack is not well set for this model.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.evaluation.robustness import attack_vectors, robustness_curve
from advrec_tf.perturbations import pgd
from advrec_tf.pipelines.audit.accuracy import METRIC
from advrec_tf.pipelines.audit.subject import Case, NotPossible

KINDS = ("fgsm", "pgd", "random")
RADIUS = 0.1
"""The radius of the verdicts, as a fraction of a vector's norm; the nearest that was asked for."""
STEPS = (10, 20, 40)
CONVERGED = 0.05
"""The most that more steps may take, or give back, as a fraction of the clean metric."""


def measure(case: Case) -> dict:
    """Relative losses of NDCG by kind and radius, and whether more steps change them.

    Raises:
        NotPossible: if the model has no vectors, or its metric is 0 without an attack.
    """
    vectors, split, settings = case.subject.vectors, case.split, case.settings
    if vectors is None:
        raise NotPossible(
            f"{case.subject.no_vectors} Gradients are taken in user and item vectors, so this "
            "section needs a model that has them."
        )
    try:
        curve = robustness_curve(
            vectors,
            split.train,
            case.evaluator,
            sorted(settings.radii),
            kinds=KINDS,
            relative=True,
            metric=METRIC,
            seed=settings.seed,
        )
    except ValueError as error:
        raise NotPossible(str(error)) from error
    radius = min(settings.radii, key=lambda value: abs(value - RADIUS))
    by_steps = {}
    for steps in STEPS:
        attacked = attack_vectors(
            vectors.user_vectors,
            vectors.item_vectors,
            split.train,
            pgd(radius, steps=steps, relative=True),
            seed=settings.seed,
        )
        by_steps[steps] = case.evaluator.evaluate(attacked).metrics[METRIC]
    clean = curve.clean[METRIC]
    losses = {kind: curve.relative_losses(kind) for kind in KINDS}
    of_more_steps = steadiness(clean, losses["fgsm"][radius], by_steps)
    return {
        "metric": METRIC,
        "clean": clean,
        "radii": sorted(settings.radii),
        "loss": {kind: [found[r] for r in sorted(found)] for kind, found in losses.items()},
        "radius": radius,
        "loss_at_radius": float(np.max([losses["fgsm"][radius], losses["pgd"][radius]])),
        "noise_at_radius": losses["random"][radius],
        "by_steps": {str(steps): value for steps, value in by_steps.items()},
        **of_more_steps,
    }


def steadiness(clean: float, fgsm_loss: float, by_steps: dict[int, float]) -> dict:
    """What more steps change, as fractions of the clean metric.

    Args:
        clean: the metric without an attack, > 0.
        fgsm_loss: the fraction of it that is lost to FGSM, which is the attack of one step.
        by_steps: the metric under PGD by its number of steps, ascending.

    Returns:
        `further_loss` from the fewest steps of PGD to any more; `given_back`, the largest rise from
        some number of steps, one included, to any more; `change`, the larger of both; `converged`,
        whether it is at most `CONVERGED`.
    """
    under_pgd = np.array(list(by_steps.values())) / clean
    under_all = np.concatenate([[1.0 - fgsm_loss], under_pgd])
    further = float(under_pgd[0] - under_pgd.min())
    back = float((under_all - np.minimum.accumulate(under_all)).max())
    return {
        "further_loss": further,
        "given_back": back,
        "change": max(further, back),
        "converged": max(further, back) <= CONVERGED,
    }
