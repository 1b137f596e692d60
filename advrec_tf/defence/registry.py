"""Every detector and every defence by name, with where it comes from.

The benchmarks read these tables; a new detector or defence is a new line here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from advrec_tf.defence.defences import (
    Adversarial,
    Chain,
    Defence,
    DownWeight,
    LeastTrimmedSquares,
    PoisoningTraining,
    RatingConsistencyWeights,
    RemoveSuspicious,
)
from advrec_tf.defence.detectors.base import DegreeSAD, Detector, ForestDetector
from advrec_tf.defence.detectors.gan_discriminator import DiscriminatorDetector
from advrec_tf.defence.detectors.graph import FAP, Rings
from advrec_tf.defence.detectors.joined import ForestAndOverlap
from advrec_tf.defence.detectors.neighborhood_forest import NeighborhoodForest
from advrec_tf.defence.detectors.outliers import ECOD, IsolationForestDetector, MahalanobisDetector
from advrec_tf.defence.detectors.overlap import OverlapDetector
from advrec_tf.defence.detectors.pca_var_select import PCAVarSelect
from advrec_tf.defence.detectors.reconstruction_error import AutoencoderError
from advrec_tf.defence.detectors.semi_sad import SemiSAD
from advrec_tf.defence.detectors.simulated_attack_forest import SimulatedAttackForest
from advrec_tf.defence.detectors.stacked import StackedForest
from advrec_tf.perturbations import fgsm, pgd

KINDS = ("unsupervised", "supervised", "semi-supervised")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorEntry:
    """A line of the table of detectors.

    Attributes:
        build: seed -> the detector.
        kind: one of `KINDS`.
        source: paper.
        classic: one of SDLib's, which others are compared with.
    """

    build: Callable[[int], Detector]
    kind: str
    source: str
    classic: bool = False


DETECTORS: dict[str, DetectorEntry] = {
    "PCA-VarSelect": DetectorEntry(
        build=lambda seed: PCAVarSelect(seed=seed),
        kind="unsupervised",
        source="Mehta & Nejdl 2009",
        classic=True,
    ),
    "DegreeSAD": DetectorEntry(
        build=lambda seed: DegreeSAD(seed=seed),
        kind="supervised",
        source="Li & Gao 2016",
        classic=True,
    ),
    "SemiSAD": DetectorEntry(
        build=lambda seed: SemiSAD(seed=seed),
        kind="semi-supervised",
        source="Cao et al. 2013",
        classic=True,
    ),
    "FAP": DetectorEntry(
        build=lambda seed: FAP(seed=seed),
        kind="semi-supervised",
        source="Zhang et al. 2015",
        classic=True,
    ),
    "isolation forest": DetectorEntry(
        build=lambda seed: IsolationForestDetector(seed=seed),
        kind="unsupervised",
        source="Liu et al. 2008",
    ),
    "ECOD": DetectorEntry(
        build=lambda seed: ECOD(seed=seed),
        kind="unsupervised",
        source="Li et al. 2022",
    ),
    "Mahalanobis": DetectorEntry(
        build=lambda seed: MahalanobisDetector(seed=seed),
        kind="unsupervised",
        source="Mahalanobis 1936",
    ),
    "autoencoder error": DetectorEntry(
        build=lambda seed: AutoencoderError(seed=seed),
        kind="unsupervised",
        source="Liang et al. 2018 (the model)",
    ),
    "FRAUDAR": DetectorEntry(
        build=lambda seed: Rings(seed=seed),
        kind="unsupervised",
        source="Hooi et al. 2016",
    ),
    "GAN discriminator": DetectorEntry(
        build=lambda seed: DiscriminatorDetector(seed=seed),
        kind="unsupervised",
        source="Goodfellow et al. 2014 (the game)",
    ),
    "its ablation without the game": DetectorEntry(
        build=lambda seed: DiscriminatorDetector(seed=seed, adversarial_weight=0.0),
        kind="unsupervised",
        source="against random profiles",
    ),
    "self-taught forest": DetectorEntry(
        build=lambda seed: SimulatedAttackForest(seed=seed),
        kind="unsupervised",
        source="Breiman 2001, on simulated attacks",
    ),
    "forest": DetectorEntry(
        build=lambda seed: ForestDetector(seed=seed),
        kind="supervised",
        source="Breiman 2001",
    ),
    "forest, surprise, doubles": DetectorEntry(
        build=lambda seed: StackedForest(seed=seed),
        kind="supervised",
        source="Breiman 2001, on features, autoencoder and file",
    ),
    "overlap": DetectorEntry(
        build=lambda seed: OverlapDetector(seed=seed),
        kind="unsupervised",
        source="Saracco et al. 2015 (the null model), Zhou et al. 2016 (target items)",
    ),
    "forest and overlap": DetectorEntry(
        build=lambda seed: ForestAndOverlap(seed=seed),
        kind="supervised",
        source="both of these",
    ),
    "forest with company": DetectorEntry(
        build=lambda seed: NeighborhoodForest(seed=seed),
        kind="supervised",
        source="Breiman 2001, Zhang et al. 2015",
    ),
}


def self_taught(seed: int) -> Detector:
    """The detector of the defences that scrub and weigh: no label and no trusted row needed."""
    return SimulatedAttackForest(seed=seed)


def overlap(seed: int) -> Detector:
    """The same, without simulated attacks."""
    return OverlapDetector(seed=seed)


SCRUB_BY_OVERLAP = RemoveSuspicious(detector=overlap, threshold=3.0)
DOWN_WEIGHT_BY_OVERLAP = DownWeight(detector=overlap, trusted=1.0, distrusted=3.0, power=1.0)
STRICTNESS = {
    f"scrub by overlap at {threshold:g}": RemoveSuspicious(detector=overlap, threshold=threshold)
    for threshold in (1.5, 2.0, 2.5, 4.0, 6.0)
}
"""The same scrub, stricter and laxer than the 3 it has: what safety costs honest users."""

DEFENCES: dict[str, Defence] = {
    "none": Defence(),
    "scrub": RemoveSuspicious(detector=self_taught),
    "scrub by overlap": SCRUB_BY_OVERLAP,
    "scrub by overlap, purify": Chain(defences=(SCRUB_BY_OVERLAP, RatingConsistencyWeights())),
    "down-weight by overlap, purify": Chain(
        defences=(DOWN_WEIGHT_BY_OVERLAP, RatingConsistencyWeights())
    ),
    **STRICTNESS,
    "down-weight": DownWeight(detector=self_taught),
    "APR": Adversarial(perturbation=fgsm(0.1, relative=True)),
    "PGD": Adversarial(perturbation=pgd(0.1, steps=3, relative=True)),
    "noise": Adversarial(perturbation=fgsm(0.1, relative=True, direction="random")),
    "VAT": Adversarial(perturbation=fgsm(0.1, relative=True), vulnerability=2.0),
    "APT": PoisoningTraining(),
    "trimmed": LeastTrimmedSquares(trim=0.2),
    "median": LeastTrimmedSquares(trim=0.49),
    "purify": RatingConsistencyWeights(),
}
"""Name -> record. Radii are shares of each vector's length: training starts from vectors so short
that an absolute one is longer than they are, and nothing is learned. "median" is least trimmed
squares at its breakdown point; "noise" the control of APR, PGD and VAT."""
