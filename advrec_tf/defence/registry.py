"""Every detector and every defence by name, with its source; studies and commands read these.

Names are words that a shell takes: lower case, hyphens, and a plus between parts. A new detector
or defence is its module, an entry here (a defence with a sentence in `ABOUT`), and a test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Set

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
from advrec_tf.defence.evidence.leveling import LevelCounts
from advrec_tf.defence.evidence.ranking import RankByEvidence
from advrec_tf.defence.evidence.verified import VerifiedCounts
from advrec_tf.defence.evidence.verified_bounds import VerifiedBounds
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

_AT = "-at-"
COHERENCE = "coherence-weights"
DEFAULT = f"{COHERENCE}+level-counts"
"""What `fitting.default_defence` does to a model that says how its scores hold the number of an
item's raters; to others it does `COHERENCE`."""
COUNTS, BOUNDS = "verified-counts", "verified-bounds"
VERIFIED = (COUNTS, BOUNDS)
"""The defences, or parts of a chain, that ask for users who are known to be real."""


def default_for(offered: Set[str]) -> str:
    """The name of the default defence of a victim that offers so much, see `Defence.needs`."""
    return DEFAULT if DEFENCES[DEFAULT].needs <= offered else COHERENCE


def asks_who_is_verified(name: str) -> bool:
    """Whether a defence, or a part of it, asks for users who are known to be real."""
    return any(part.partition(_AT)[0] in VERIFIED for part in name.split("+"))


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
    COHERENCE: CoherenceWeights(),
    "level-counts": LevelCounts(),
    DEFAULT: Chain(defences=(CoherenceWeights(), LevelCounts())),
    COUNTS: VerifiedCounts(),
    BOUNDS: VerifiedBounds(),
    "coherence-weights+verified-bounds": Chain(defences=(CoherenceWeights(), VerifiedBounds())),
    "verified-bounds-at-0.5": VerifiedBounds(widths=(0.5,)),
    "coherence-weights+verified-bounds-at-0.5": Chain(
        defences=(CoherenceWeights(), VerifiedBounds(widths=(0.5,)))
    ),
    "coherence-weights+verified-counts": Chain(defences=(CoherenceWeights(), VerifiedCounts())),
    "coherence-weights+verified-counts+level-counts": Chain(
        defences=(CoherenceWeights(), VerifiedCounts(), LevelCounts())
    ),
    "coherence-weights+rank-by-evidence": Chain(defences=(CoherenceWeights(), RankByEvidence())),
    "remove-suspicious-by-overlap+independence-weights+rank-by-evidence": Chain(
        defences=(REMOVE_BY_OVERLAP, IndependenceWeights(), RankByEvidence())
    ),
}
"""Name -> record. Radii are fractions of each vector's norm: training starts from vectors so short
that an absolute radius would exceed them, and nothing would be learned. "noise" is the control of
apr, pgd and vulnerability-aware."""

_BY_FOREST = "a random forest, trained to tell simulated attacks from the users of the data"
_BY_OVERLAP = (
    "the overlaps of their profiles, which popularity does not explain (copies, near duplicates, "
    "profiles as near to everybody as chance makes them, raters of one item who are such)"
)
_ADVERSARIAL = "Adversarial training of the embeddings: beside the plain loss the model lowers"
_TENTH = "a tenth of each vector's norm"
_NOT_REAL = "no account of an attacker is known to be real"
_BOUNDS = (
    "Keeps each score near that of a model which learned from users who are known to be real "
    "alone: no further from it than two halves of these users disagree"
)

ABOUT: dict[str, str] = {
    "none": "The model is trained as it is, on all that it is given.",
    "remove-suspicious": "Removes the interactions of users, at most a tenth of all, who are "
    f"suspicious by {_BY_FOREST}.",
    "remove-suspicious-by-overlap": "Removes the interactions of users, at most a tenth of all, "
    f"who are suspicious by {_BY_OVERLAP}: the limit is 3.",
    "down-weight": f"Weighs users the less the more suspicious they are by {_BY_FOREST}.",
    "down-weight-by-overlap": "Weighs users in full up to a suspicion of 1 and not at all from 3 "
    f"on, by {_BY_OVERLAP}.",
    "apr": f"{_ADVERSARIAL} that under the perturbation that raises it most to first order, one "
    f"step of {_TENTH} (APR).",
    "pgd": f"{_ADVERSARIAL} that under the worst perturbation that three projected steps find "
    f"within {_TENTH}.",
    "noise": "The control of apr, pgd and vulnerability-aware, without an adversary: beside the "
    f"plain loss the model lowers that under a perturbation of {_TENTH} in a random direction.",
    "vulnerability-aware": f"{_ADVERSARIAL} that under one step of the worst direction, which is "
    "longer for users whom it fits well, since they have most to lose (VAT).",
    "apt": "Adds users, a twentieth as many as there are, whose ratings lower the error on the "
    "data, against those that raise it (adversarial poisoning training).",
    "least-trimmed-squares": "Leaves out of each item's update the fifth of its ratings with the "
    "largest errors.",
    "least-trimmed-squares-at-0.49": "Leaves out of each item's update the 49 % of its ratings "
    "with the largest errors.",
    "rating-consistency-weights": "Down-weights ratings that an item has more often than the "
    "habits of its raters explain.",
    "rank-by-evidence": "Ranks by a lower confidence bound: the fewer independent raters an item "
    "has, the lower, as far as held-out interactions allow.",
    "level-counts": "Ranks items that few have by how well they fit, whatever the number of their "
    "raters, up to a tenth of the users, as far as held-out interactions allow.",
    "subset-ensemble": "Ranks by the votes of EASE models that learn from ten random users each, "
    "of which few fake users reach few.",
    "independence-weights": "Weighs users by one over the number of users like them, so that "
    "copies of a profile count together as one.",
    "cap-contributions": "Weighs users with many interactions down, so that nobody counts for more "
    "than the median user.",
    COUNTS: "Of users who are known to be real it learns how many raters of an item "
    "are believable, and weighs the others of items that have more down to that number; "
    f"{_NOT_REAL}.",
    BOUNDS: f"{_BOUNDS}, times a width, the narrowest that held-out interactions allow; "
    f"{_NOT_REAL}.",
    "verified-bounds-at-0.5": f"{_BOUNDS}, times a width of 0.5; {_NOT_REAL}.",
    "coherence-weights": "Weighs users and items by how well what they have, or who has them, "
    "hangs together: what does not, or too well, as a copy does, counts for little.",
}
"""Name of a defence, or of a part of a chain -> what it does, in a sentence. The record does not
tell: "apr" and its control "noise" are of one class."""


def about(name: str) -> str:
    """The sentences on a defence of the registry.

    Args:
        name: in `DEFENCES`; a chain is told part by part.

    Raises:
        KeyError: if it, or a part of it, is not known.
    """
    return " ".join(_of_part(part) for part in name.split("+"))


def _of_part(name: str) -> str:
    if name in ABOUT:
        return ABOUT[name]
    plain, _, limit = name.partition(_AT)  # such as remove-suspicious-by-overlap-at-2.5
    text, known, _ = ABOUT[plain].rpartition(": the limit is ")
    if not known:
        raise KeyError(name)
    return f"{text}{known}{limit}."
