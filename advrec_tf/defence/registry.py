"""Every detector and every defence by name, with its source; studies and commands read these.

Names are words that a shell takes: lower case, hyphens, and a plus between parts. A new detector
or defence is its module, an entry here, and a test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from advrec_tf.defence.certified.subset_votes import SubsetVotes
from advrec_tf.defence.chain import Chain
from advrec_tf.defence.defences import (
    Adversarial,
    Defence,
    DownWeight,
    LeastTrimmedSquares,
    PoisoningTraining,
    RatingConsistencyWeights,
    RemoveSuspicious,
)
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.defence.detectors.degree_sad import DegreeSAD
from advrec_tf.defence.detectors.fap import FAP
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.detectors.fraudar import FraudarExcess
from advrec_tf.defence.detectors.gan_discriminator import DiscriminatorDetector
from advrec_tf.defence.detectors.neighborhood_forest import NeighborhoodForest
from advrec_tf.defence.detectors.outliers import ECOD, IsolationForestDetector, MahalanobisDetector
from advrec_tf.defence.detectors.overlap import OverlapDetector
from advrec_tf.defence.detectors.pca_var_select import PCAVarSelect
from advrec_tf.defence.detectors.reconstruction_error import ReconstructionErrorDetector
from advrec_tf.defence.detectors.semi_sad import SemiSAD
from advrec_tf.defence.detectors.simulated_attack_forest import SimulatedAttackForest
from advrec_tf.defence.ensembles import ForestAndOverlap, StackedForest
from advrec_tf.defence.evidence.ranking import RankByEvidence
from advrec_tf.defence.evidence.weights import (
    CapContributions,
    CoherenceWeights,
    IndependenceWeights,
)
from advrec_tf.perturbations import fgsm, pgd

KINDS = ("unsupervised", "supervised", "semi-supervised")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorEntry:
    """An entry of the table of detectors.

    Attributes:
        build: seed -> the detector.
        kind: one of `KINDS`.
        source: the paper.
    """

    build: Callable[[int], Detector]
    kind: str
    source: str


def _entry(detector: Callable[..., Detector], kind: str, source: str, **settings) -> DetectorEntry:
    return DetectorEntry(
        build=lambda seed: detector(seed=seed, **settings), kind=kind, source=source
    )


DETECTORS: dict[str, DetectorEntry] = {
    "pca-var-select": _entry(PCAVarSelect, "unsupervised", "Mehta & Nejdl 2009"),
    "degree-sad": _entry(DegreeSAD, "supervised", "Li & Gao 2016"),
    "semi-sad": _entry(SemiSAD, "semi-supervised", "Cao et al. 2013"),
    "fap": _entry(FAP, "semi-supervised", "Zhang et al. 2015"),
    "isolation-forest": _entry(IsolationForestDetector, "unsupervised", "Liu et al. 2008"),
    "ecod": _entry(ECOD, "unsupervised", "Li et al. 2022"),
    "mahalanobis": _entry(MahalanobisDetector, "unsupervised", "Mahalanobis 1936"),
    "reconstruction-error": _entry(
        ReconstructionErrorDetector, "unsupervised", "Liang et al. 2018 (the autoencoder)"
    ),
    "fraudar": _entry(FraudarExcess, "unsupervised", "Hooi et al. 2016"),
    "gan-discriminator": _entry(
        DiscriminatorDetector, "unsupervised", "Goodfellow et al. 2014 (the minimax game)"
    ),
    "gan-discriminator-ablation": _entry(
        DiscriminatorDetector,
        "unsupervised",
        "the same against random profiles",
        adversarial_weight=0.0,
    ),
    "simulated-attack-forest": _entry(
        SimulatedAttackForest, "unsupervised", "Breiman 2001, on simulated attacks"
    ),
    "forest": _entry(ForestDetector, "supervised", "Breiman 2001"),
    "stacked-forest": _entry(
        StackedForest,
        "supervised",
        "Breiman 2001, on features, reconstruction error and near duplicates",
    ),
    "overlap": _entry(
        OverlapDetector,
        "unsupervised",
        "Saracco et al. 2015 (the null model), Zhou et al. 2016 (target items)",
    ),
    "forest+overlap": _entry(ForestAndOverlap, "supervised", "stacked-forest and overlap"),
    "neighborhood-forest": _entry(
        NeighborhoodForest, "supervised", "Breiman 2001, Zhang et al. 2015"
    ),
}


def simulated_attack_forest(seed: int) -> Detector:
    """`SimulatedAttackForest` with its defaults, as a defence takes a detector."""
    return SimulatedAttackForest(seed=seed)


def overlap(seed: int) -> Detector:
    """`OverlapDetector` with its defaults, as a defence takes a detector."""
    return OverlapDetector(seed=seed)


REMOVE_BY_OVERLAP = RemoveSuspicious(detector=overlap, threshold=3.0)
DOWN_WEIGHT_BY_OVERLAP = DownWeight(detector=overlap, trusted=1.0, distrusted=3.0, power=1.0)
STRICTNESS = {
    f"remove-suspicious-by-overlap-at-{threshold:g}": RemoveSuspicious(
        detector=overlap, threshold=threshold
    )
    for threshold in (1.5, 2.0, 2.5, 4.0, 6.0)
}
"""`REMOVE_BY_OVERLAP` with thresholds below and above 3: what robustness costs honest users."""

DEFENCES: dict[str, Defence] = {
    "none": Defence(),
    "remove-suspicious": RemoveSuspicious(detector=simulated_attack_forest),
    "remove-suspicious-by-overlap": REMOVE_BY_OVERLAP,
    "remove-suspicious-by-overlap+rating-consistency-weights": Chain(
        defences=(REMOVE_BY_OVERLAP, RatingConsistencyWeights())
    ),
    "down-weight-by-overlap+rating-consistency-weights": Chain(
        defences=(DOWN_WEIGHT_BY_OVERLAP, RatingConsistencyWeights())
    ),
    **STRICTNESS,
    "down-weight": DownWeight(detector=simulated_attack_forest),
    "apr": Adversarial(perturbation=fgsm(0.1, relative=True)),
    "pgd": Adversarial(perturbation=pgd(0.1, steps=3, relative=True)),
    "noise": Adversarial(perturbation=fgsm(0.1, relative=True, direction="random")),
    "vulnerability-aware": Adversarial(perturbation=fgsm(0.1, relative=True), vulnerability=2.0),
    "apt": PoisoningTraining(),
    "least-trimmed-squares": LeastTrimmedSquares(trim=0.2),
    "least-trimmed-squares-at-0.49": LeastTrimmedSquares(trim=0.49),
    "rating-consistency-weights": RatingConsistencyWeights(),
    "rank-by-evidence": RankByEvidence(),
    "remove-suspicious-by-overlap+rank-by-evidence": Chain(
        defences=(REMOVE_BY_OVERLAP, RankByEvidence())
    ),
    "subset-ensemble": SubsetVotes(),
    "independence-weights": IndependenceWeights(),
    "cap-contributions": CapContributions(),
    "coherence-weights": CoherenceWeights(),
    "coherence-weights+rank-by-evidence": Chain(defences=(CoherenceWeights(), RankByEvidence())),
    "remove-suspicious-by-overlap+independence-weights+rank-by-evidence": Chain(
        defences=(REMOVE_BY_OVERLAP, IndependenceWeights(), RankByEvidence())
    ),
}
"""Name -> record. Radii are fractions of each vector's norm: training starts from vectors so short
that an absolute radius would exceed them, and nothing would be learned. "noise" is the control of
apr, pgd and vulnerability-aware."""
