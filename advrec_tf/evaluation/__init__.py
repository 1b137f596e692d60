"""Full-ranking metrics, protocols, paired tests, robustness, attack effect, detection."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classification": ["area_under_curve", "click_metrics", "rating_metrics"],
        "feature_robustness": ["attack_item_features"],
        "history_attacks": ["attack_curve"],
        "next_item": ["NextItemEvaluator"],
        "protocols": ["cold_items", "cold_start"],
        "ranking": ["RankingEvaluator", "RankingResult"],
        "robustness": ["robustness_curve"],
        "scorers": ["as_scorer"],
        "significance": ["benjamini_hochberg", "holm", "paired"],
        "two_sample": ["two_sample_auc"],
    },
)
