import pytest

from advrec_tf.pipelines.audit import verdicts


def judged(name, sections):
    (found,) = [v for v in verdicts.judge(sections) if v.check.name == name]
    return found.status, found.value, found.why


@pytest.mark.parametrize(
    ("value", "status"), [(0.01, "passed"), (0.010001, "failed"), (0.0, "passed")]
)
def test_a_value_at_most_at_its_threshold_passes(value, status):
    assert judged("data.repeats", {"data": {"repeated_pairs": value}})[0] == status


@pytest.mark.parametrize(("value", "status"), [(0.8, "passed"), (0.79, "failed")])
def test_a_value_at_least_at_its_threshold_passes(value, status):
    assert judged("fairness.groups", {"fairness": {"worst_ratio": value}})[0] == status


def test_what_was_not_measured_is_not_judged_and_says_why():
    assert judged("evasion.loss", {"evasion": {"not_possible": "No vectors."}}) == (
        "not judged",
        None,
        "No vectors.",
    )
    assert judged("data.future", {"data": {"future": None}})[0] == "not judged"
    inner = {"privacy": {"membership": {"not_possible": "All seen."}}}
    assert judged("privacy.membership", inner)[2] == "All seen."
    assert judged("lists.seen", {})[0] == "not judged"
    absent = {"fairness": {"worst_ratio": None, "no_worst_ratio": "No columns."}}
    assert judged("fairness.groups", absent)[2] == "No columns."
    beside = {"lists": {"seen": None, "no_seen": "It only scores."}}
    assert judged("lists.seen", beside)[2] == "It only scores."
    assert judged("lists.unknown", beside)[2] == "There is nothing to measure it on."


def test_the_share_that_passed_is_of_the_judged_ones():
    sections = {"data": {"repeated_pairs": 0.0, "future": 0.9, "tied_test": 0.0, "x": None}}
    assert verdicts.passed_share(verdicts.judge(sections)) == pytest.approx(200 / 3)
    assert verdicts.passed_share(verdicts.judge({})) == 100.0
