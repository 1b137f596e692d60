"""Adversarial training of any model, fitting, callbacks, optimizers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adversarial": ["AdversarialTraining"],
        "callbacks": ["AdversarialReport", "NonFiniteGuard", "ProgressLine"],
        "checkpoint": ["TrainingCheckpoint"],
        "distribution": ["strategy_of"],
        "early_stop": ["EarlyStop", "RankingValidation"],
        "fitting": ["FitReport", "fit_ranked"],
        "free_adversarial": ["FreeLB"],
        "generated_items": ["GeneratedItems"],
        "gradient_substitutions": ["GradientSubstitutions"],
        "neighbor_mixtures": ["NeighborMixtures"],
        "optimizers": ["LazyAdam"],
        "prefixes": ["virtual_adversarial_prefixes"],
        "pruning": ["MagnitudePruning"],
        "random_substitutions": ["RandomSubstitutions"],
        "virtual_adversarial": ["VirtualAdversarialTraining"],
    },
)
