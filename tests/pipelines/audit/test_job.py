import json

from advrec_tf.pipelines.audit import job
from advrec_tf.pipelines.audit.thresholds import CHECKS, SECTIONS


def test_every_section_is_there_and_plain(report):
    again = json.loads(json.dumps(report))
    assert again["models"][0]["name"] == "tastes"
    for model in report["models"]:
        assert list(model["sections"]) == list(SECTIONS) == list(model["seconds"])
        assert [verdict["name"] for verdict in model["verdicts"]] == [c.name for c in CHECKS]


def test_what_a_model_has_no_gradients_for_is_said_and_not_judged(report):
    first, second = report["models"]
    assert "loss" in first["sections"]["evasion"]
    assert "needs a model that has them" in second["sections"]["evasion"]["not_possible"]
    (verdict,) = [v for v in second["verdicts"] if v["name"] == "evasion.loss"]
    assert verdict["status"] == "not judged" and "has them" in verdict["why"]


def test_a_good_model_and_noise_are_told_apart(report):
    good, noise = (
        {verdict["name"]: verdict["status"] for verdict in model["verdicts"]}
        for model in report["models"]
    )
    assert good["accuracy.popularity"] == "passed"
    assert noise["accuracy.popularity"] == "failed" == noise["accuracy.ease"]
    assert report["models"][0]["passed_share"] > report["models"][1]["passed_share"]


def test_a_terminal_gets_failures_with_what_to_do_and_counts(report):
    lines = job.lines(report)
    places = [place for place, line in enumerate(lines) if "poisoning.lift" in line]
    assert all("fake users of" in lines[place + 2] for place in places)
    failed = [v for v in report["models"][0]["verdicts"] if v["status"] == "failed"]
    assert lines[0].startswith(f"failed   {failed[0]['name']}")
    assert lines[1].strip() == failed[0]["remedy"]
    assert lines[-1].startswith("tastes: ") and f"{len(failed)} failed" in lines[-1]
