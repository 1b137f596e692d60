import pytest

from experiments.harness import markdown
from experiments.harness.entries import settings_text


def test_a_table_has_a_line_of_dashes_below_its_head():
    assert markdown.table(["a", "b"], [["1", "2"]]) == [
        "",
        "| a | b |",
        "| --- | --- |",
        "| 1 | 2 |",
    ]


def test_a_line_of_another_length_is_refused():
    with pytest.raises(ValueError, match="should have 2 cells"):
        markdown.table(["a", "b"], [["1"]])


def test_numbers_and_spreads():
    assert markdown.number(0.12341) == "0.1234"
    assert markdown.number(None) == markdown.number(float("nan")) == ""
    assert markdown.spread(0.5, 0.25, 2) == "0.50 (0.25)"
    assert markdown.spread(0.5, None, 2) == "0.50"
    assert markdown.spread(None) == ""


def test_a_difference_has_its_interval_and_p_value():
    test = {"difference": 0.01214, "half_width": 0.006, "p_value": 0.0004}
    assert markdown.difference(test) == "+0.0121 ± 0.0060, p < .001"
    assert markdown.difference(test | {"p_value": 0.0124}) == "+0.0121 ± 0.0060, p .012"
    assert markdown.difference(test | {"p_value": 1.0}) == "+0.0121 ± 0.0060, p 1.000"
    assert markdown.difference(None) == ""


def test_a_comparison_has_its_p_value_after_each_correction():
    test = {"difference": 0.01214, "half_width": 0.006, "p_value": 0.0124}
    adjusted = {"holm": 0.0248, "benjamini-hochberg": 0.0124}
    found = markdown.compared(test, adjusted)
    assert found == "+0.0121 ± 0.0060, p .012 (Holm p .025, FDR p .012)"
    assert markdown.compared(None, {}) == ""


def test_settings_are_shown_by_name():
    assert settings_text({"weight": 0.5, "loss": "softmax"}) == "weight 0.5, loss softmax"


def test_a_page_begins_with_its_title_and_the_command_that_makes_it():
    assert markdown.page("A title", "python -m x", ["", "text"], markdown.facts({"n": 1})) == (
        "# A title\n\nMade by `python -m x`.\n\ntext\n\n- n: 1\n"
    )


def test_corrections_name_the_differences_that_stay_significant():
    # 3 x .01 = .03 and 2 x .03 = .06: the second is no longer below .05, nor is the third; the
    # false discovery rate takes 3/2 x .03 = .045 for the second
    tests = {
        "a": {"difference": 0.1, "p_value": 0.03},
        "b": {"difference": -0.1, "p_value": 0.01},
        "c": {"difference": 0.1, "p_value": 0.9},
    }
    assert markdown.corrected(tests, "an ablation") == [
        "",
        "After Holm's correction for 3 comparisons with an ablation, these differ at p < .05. "
        "Higher: none. Lower: b. At a false discovery rate of 5% (Benjamini and Hochberg) these "
        "differ, too. Higher: a. Lower: none.",
    ]
    assert markdown.corrected({}, "an ablation") == []
