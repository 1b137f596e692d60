"""The quality of a generated table as `tabular.quality` reports it, for what reads reports."""


def quality_of(auc, nearest=1.0, rows=500):
    return {
        "notes": [],
        "rows": {"real": 500, "synthetic": rows, "holdout": None},
        "two_sample_auc": auc,
        "two_sample_auc_holdout": auc,
        "worst_column": ["x", 0.05],
        "correlations": {"mean": 0.1},
        "mode_coverage": 1.0,
        "train_on_synthetic": {"ratio": 0.9},
        "disclosure": {"duplicates": 0.0, "nearest_ratio": nearest, "membership_auc": 0.5},
    }
