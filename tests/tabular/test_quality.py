from advrec_tf.tabular.quality import AIMS, headline, reached


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


def test_aims_are_reached_from_their_own_side():
    good = quality_of(0.6)
    assert {name: reached(name, good) for name in headline(good)} == {
        **dict.fromkeys(AIMS, True),
        "train_on_synthetic_ratio": False,
    }
    assert reached("two_sample_auc", quality_of(0.66)) is False
    assert reached("nearest_ratio", quality_of(0.6, nearest=None)) is None


def test_copies_and_too_few_rows_reach_nothing():
    assert reached("two_sample_auc", quality_of(0.25)) is False
    few = quality_of(0.5, rows=99)
    assert {reached(name, few) for name in headline(few)} == {None}
    assert reached("duplicates", quality_of(0.5, rows=100)) is True
