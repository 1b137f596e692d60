import numpy as np
import pytest

from experiments.harness import compare
from experiments.harness.entries import Entry
from experiments.harness.results import Result
from experiments.harness.sweep import Study, Sweep


def result(value, per_user):
    return Result({"test": {"ndcg": value}}, {"test": np.array(per_user)}, seconds=value)


def test_a_summary_has_means_and_deviations_over_seeds():
    # 1 and 3: mean 2, deviation sqrt((1 + 1) / 1)
    found = compare.summary([result(1.0, [0.0]), result(3.0, [0.0])])
    assert found["seeds"] == 2
    assert found["mean"] == {"test": {"ndcg": 2.0}}
    assert found["deviation"]["test"]["ndcg"] == pytest.approx(2**0.5)
    assert found["seconds"] == 2.0


def test_one_seed_has_no_deviation():
    assert compare.summary([result(1.0, [0.0])])["deviation"] == {"test": {"ndcg": None}}


def test_a_number_that_a_seed_lacks_is_averaged_over_the_others():
    assert compare.over_seeds([{"a": 1.0, "b": 2.0}, {"b": 4.0}], compare.mean) == {
        "a": 1.0,
        "b": 3.0,
    }


def test_a_users_mean_is_over_the_seeds_that_measured_the_user():
    nan = np.nan
    found = compare.mean_per_user([result(0, [1.0, nan, nan]), result(0, [3.0, 5.0, nan])])
    np.testing.assert_array_equal(found["test"], [2.0, 5.0, nan])


def test_a_paired_test_is_over_the_users_measured_for_both():
    one, other = np.array([1.0, 2.0, np.nan, 4.0]), np.array([0.0, 0.0, 7.0, np.nan])
    found = compare.paired_tests({"test": one}, {"test": other})["test"]
    assert found["users"] == 2
    assert found["difference"] == 1.5


def test_p_values_are_adjusted_by_both_corrections_and_keep_their_order():
    # sorted .01 x 4, .03 x 3 = .09, .04 x 2 = .08 -> .09, .9 x 1
    p_values = {"a": 0.04, "b": 0.01, "c": 0.9, "d": 0.03}
    found = compare.corrected(p_values)
    assert list(found) == ["holm", "benjamini-hochberg"] and list(found["holm"]) == list(p_values)
    assert found["holm"] == pytest.approx({"a": 0.09, "b": 0.04, "c": 0.9, "d": 0.09})
    # and .01 x 4/1, .03 x 4/2 = .06 -> .04 x 4/3, .04 x 4/3, .9
    want = {"a": 0.16 / 3, "b": 0.04, "c": 0.9, "d": 0.16 / 3}
    assert found["benjamini-hochberg"] == pytest.approx(want)
    assert compare.corrected({}) == {"holm": {}, "benjamini-hochberg": {}}


def test_entries_are_compared_with_their_ablation_and_the_baseline_where_those_were_trained():
    study = Study(
        name="toy",
        entries={
            "base": Entry(train=None),
            "plain": Entry(train=None),
            "full": Entry(train=None, ablation="plain", control="absent"),
        },
        setting=None,
        baseline="base",
    )
    values = {"base": [0.0, 0.0], "plain": [1.0, 2.0], "full": [3.0, 3.0]}
    found = Sweep(
        results={label: [result(0.0, per_user)] for label, per_user in values.items()},
        settings={label: {} for label in values},
        tried={label: {} for label in values},
    )
    report = compare.compare(study, found)
    assert report["base"]["against"] == {}
    assert list(report["plain"]["against"]) == ["base"]
    assert report["full"]["against"]["plain"]["test"]["difference"] == 1.5
    assert report["full"]["against"]["base"]["test"]["difference"] == 3.0
    assert report["full"]["ablation"] == "plain"
