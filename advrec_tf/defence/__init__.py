"""Detection of fake profiles, and training in spite of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adaptive": ["EvadingAttack"],
        "chain": ["Chain"],
        "certified.bounded": ["BoundedCertificate", "certify_bounded"],
        "certified.certificate": ["Certificate", "certify"],
        "certified.subset_ensemble": ["SubsetEnsemble", "subset_ease", "subset_svd"],
        "certified.subset_votes": ["SubsetVotes"],
        "defences": [
            "Defence",
            "DefendedData",
            "RemoveSuspicious",
            "DownWeight",
            "LeastTrimmedSquares",
            "RatingConsistencyWeights",
            "PoisoningTraining",
        ],
        "evidence.effective_raters": ["item_evidence"],
        "evidence.influence": ["UserInfluence", "influence_table"],
        "evidence.leveling": ["LevelCounts", "LeveledRanking"],
        "evidence.ranking": ["EvidenceRanking", "RankByEvidence"],
        "evidence.coherence": ["Coherence", "coherence"],
        "evidence.verified": ["VerifiedCounts"],
        "evidence.verified_bounds": ["BoundedRanking", "VerifiedBounds"],
        "evidence.weights": ["CapContributions", "CoherenceWeights", "IndependenceWeights"],
        "fitting": ["default_defence", "fit_defended"],
        "online": ["OnlineScorer"],
        "registry": ["DEFENCES", "DETECTORS"],
        "sequential.pace": ["PaceSurprise"],
        "sequential.perplexity": ["Perplexity"],
        "sequential.purification": [
            "PurifiedHistories",
            "RemoveSuspiciousHistories",
            "TrimmedHistories",
        ],
        "sequential.smoothing": ["DeletionSmoothing"],
        "sequential.transition_surprise": ["TransitionSurprise"],
    },
)
