from advrec_tf.tabular.quality import AIMS, auc_of, headline, reached
from tests.tabular.qualities import quality_of


def test_aims_are_reached_from_their_own_side():
    good = quality_of(0.6)
    assert {name: reached(name, good) for name in headline(good)} == {
        **dict.fromkeys(AIMS, True),
        "train_on_synthetic_ratio": False,
    }
    assert reached("two_sample_auc", quality_of(0.66)) is False
    assert reached("nearest_ratio", quality_of(0.6, nearest=None)) is None


def test_the_figures_of_earlier_versions_are_counted_from_a_half_both_ways():
    old = {"two_sample_auc": 0.25, "two_sample_auc_holdout": 0.4}
    assert (auc_of(old), auc_of(old, "two_sample_auc_holdout")) == (0.75, 0.6)
    assert auc_of({"two_sample_auc": 0.75}) == 0.75
    assert auc_of({"two_sample_auc": 0.75}, "two_sample_auc_holdout") is None


def test_copies_and_too_few_rows_reach_nothing():
    for auc in (0.25, 0.34):  # of reports of before; below .5 is as far from chance as above
        assert reached("two_sample_auc", quality_of(auc)) is False
        assert headline(quality_of(auc))["two_sample_auc"] == 1 - auc
    assert reached("two_sample_auc", quality_of(0.36)) is True  # .64
    few = quality_of(0.5, rows=99)
    assert {reached(name, few) for name in headline(few)} == {None}
    assert reached("duplicates", quality_of(0.5, rows=100)) is True
