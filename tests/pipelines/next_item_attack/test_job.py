import json

import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.pipelines.next_item_attack import job, page
from advrec_tf.pipelines.next_item_attack.opening import TrainedRun
from advrec_tf.pipelines.next_item_attack.pollution import STAYS_BELOW
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from tests.worlds import interactions_of_times

SPLIT = splits.last_item(
    interactions_of_times(
        [3600.0 * np.arange(6) + u for u in range(40)],
        [[(u + i) % 12 for i in range(6)] for u in range(40)],
        12,
    )
)


class Counted(TrainedRun):
    """Trained again as transition counts, which takes no time."""

    def fit(self, interactions):
        return Transitions().fit(interactions)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return Counted(
        name="sasrec",
        folder=tmp_path_factory.mktemp("run"),
        split=SPLIT,
        model=published.sasrec(
            SPLIT.train, size=EncoderSize(length=6, dim=8, blocks=1, heads=1, dropout=0.0)
        ),
        settings=SingleSettings(model="sasrec"),
        epochs=3,
        seconds=1.0,
    )


@pytest.fixture(scope="module")
def report(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    asked = {"defence": "removal", "edits": (1, 1), "max_users": 4, "size": 0.5, "per_group": 2}
    found = job.run(trained, **asked, out=out, log=lambda line: None)
    assert json.loads((out / "attack.json").read_text()) == json.loads(json.dumps(found))
    text = (out / "attack.md").read_text()
    for plot in ("pollution", "pollution_target", "promotion"):
        assert f"![plots/{plot}.png]" in text and (out / "plots" / f"{plot}.png").is_file()
    return found


def test_every_edit_and_search_has_a_curve_with_every_budget(report):
    lowered = [curve for curve in report["pollution"] if curve["goal"] == "lower the next item"]
    asked = {(curve["kind"], curve["search"], curve["defence"]) for curve in lowered}
    assert len(lowered) == len(asked) == 3 * 3  # removal is before learning
    raised = [curve for curve in report["pollution"] if curve["goal"] == "raise a target"]
    assert len(raised) == 2 * 3  # taking out brings nothing in
    for curve in lowered:
        assert [point["budget"] for point in curve["points"]] == [0, 1]
    assert report["asked_users"] == 4 and report["group"] in ("mid", "popular")
    assert {p["target_users"] for curve in raised for p in curve["points"]} == {
        raised[0]["points"][0]["target_users"]
    }
    assert report["detector"]["set_users"] == 20


def test_every_attack_by_fake_users_has_two_sizes_and_its_defences(report):
    found = [(r["attack"], r["size"], r["defence"]) for r in report["promotion"]]
    assert found == [("none", 0.0, "none")] + [
        (attack, size, defence)
        for attack in ("co-visitation", "transitions", "flooding", "camouflage")
        for size in (0.1, 0.5)
        for defence in ("none", "removal")
    ]
    # of 40 users
    assert [r["fake_users"] for r in report["promotion"][1:5]] == [4, 4, 20, 20]


def test_the_lines_have_a_row_a_curve_and_a_record(report):
    lines = page.lines_of(report)
    lowered, raised = (2 + 9) + 1 + (1 + 3), (2 + 6) + 1 + (1 + 2)
    assert len(lines) == lowered + 1 + raised + 1 + (1 + 1 + 16)
    assert lines[0] == "NDCG@10, the mean over n = 4 users."
    assert lines[1].split() == "edits of search defence attacker 0 1 edited flagged".split()


@pytest.mark.parametrize("defence", ["smoothing", "purification"])
def test_one_attack_and_one_defence_stand_beside_none(trained, defence):
    found = job.run(
        trained, attack="delete", defence=defence, edits=[1], max_users=3, own_targets=["5"]
    )
    asked = [(curve["kind"], curve["defence"]) for curve in found["pollution"]]
    attackers = {"smoothing": 1, "purification": 2}[defence]
    assert asked == [("delete", "none")] * 3 + [("delete", defence)] * 3 * attackers
    assert found["promotion"] == [] and found["targets"] == ["5"] and found["group"] == "own"
    if defence == "purification":  # one attacker never raises the detector over its threshold
        careful = [c for c in found["pollution"] if c.get("attacker") == STAYS_BELOW]
        assert len(careful) == 3
        for curve in careful:
            assert curve["points"][-1]["flagged"] <= curve["points"][0]["flagged"]


def test_the_target_differs_from_user_to_user(trained, monkeypatch):
    asked = []
    monkeypatch.setattr(
        job, "pollution_curves", lambda *_, promoted, **__: asked.append(promoted) or []
    )
    job.run(trained, attack="insert", defence="none", max_users=3, own_targets=["5", "7"])
    lowered, raised = asked
    assert lowered is None and SPLIT.train.items.ids[raised].tolist() == [5, 7, 5]


def test_by_default_no_more_edits_than_the_model_reads_are_made(trained, monkeypatch):
    asked = []
    monkeypatch.setattr(
        job, "pollution_curves", lambda *_, budgets, **__: asked.append(budgets) or []
    )
    job.run(trained, attack="delete", defence="none", max_users=3)
    assert asked[0] == [1, 2, 5]  # of 6 items


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"attack": "average"}, "`attack` should be one of all, substitute, .* next-item model"),
        ({"defence": "APR"}, "`defence` should be one of all, none, smoothing"),
        ({"edits": [0, 1]}, "`edits` should be numbers from 1 to 6"),
        ({"edits": [1, 7]}, "the longest history that the model reads has 6 items"),
        ({"edits": []}, "`edits` should be numbers from 1"),
        ({"per_group": 1, "group": "tail"}, "`targets` should be one of .* items in"),
        ({"size": 2.0}, "`size` should be a fraction"),
        ({"group": "published"}, "`targets` should be one of"),
    ],
)
def test_what_there_is_not_is_refused(trained, wrong, said):
    with pytest.raises(ValueError, match=said):
        job.run(trained, **wrong)
