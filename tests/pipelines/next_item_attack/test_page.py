from advrec_tf.pipelines.next_item_attack import page
from advrec_tf.pipelines.next_item_attack.pollution import IGNORES, STAYS_BELOW

POINTS = [
    {"budget": 0, "ndcg": 0.2, "hit_rate": 0.5, "edited": 0.0, "flagged": 0.05},
    {"budget": 3, "ndcg": 0.1, "hit_rate": 0.25, "edited": 0.75, "flagged": 0.5},
]
RAISED = [
    {**point, "target_hit_rate": 0.125 * (1 + point["budget"]), "target_users": 283}
    for point in POINTS
]
CURVE = {"defence": "none", "kind": "delete", "search": "greedy"}
REPORT = {
    "command": "advrec attack --run-dir runs/mine",
    "run": "runs/mine",
    "model": "sasrec+perturbed",
    "users": 1234,
    "items": 56,
    "asked_users": 300,
    "targets": ["a", "b"],
    "group": "mid",
    "detector": {
        "false_alarms": 0.05,
        "learned_users": 600,
        "set_users": 601,
        "set_flagged": 0.0483,
        "honest_flagged": 0.275,
    },
    "beside": {"popularity": {"ndcg": 0.04}, "transitions": {"ndcg": 0.15}},
    "pollution": [
        {**CURVE, "goal": "lower the next item", "points": POINTS},
        {**CURVE, "goal": "raise a target", "kind": "insert", "points": RAISED},
    ],
    "promotion": [
        {"attack": "none", "size": 0.0, "defence": "none", "ndcg": 0.2, "target_hit_rate": 0.01},
        {
            "attack": "flooding",
            "size": 0.05,
            "fake_users": 62,
            "defence": "removal",
            "ndcg": 0.19,
            "target_hit_rate": 0.02,
            "fakes_flagged": 1.0,
            "auc": {"transition surprise": 0.75, "pace": 1.0},
        },
    ],
}


def test_the_page_has_a_table_for_each_thing_that_was_measured_and_its_plots():
    text = page.markdown(REPORT, ["plots/pollution.png"])
    assert text.startswith("# sasrec+perturbed under attack\n\nMade by `advrec attack --run-dir")
    assert "![plots/pollution.png](plots/pollution.png)" in text
    assert "beside it: popularity 0.0400, transitions 0.1500" in text
    assert "| delete | greedy | none |  | 0.2000 | 0.1000 | 75.0% | 50.0% |" in text
    assert "| insert | greedy | none |  | 0.1250 | 0.5000 | 75.0% | 50.0% |" in text
    assert "| none | 0 | none | 1.00% | 0.2000 |  |  |  |" in text
    assert "| flooding | 62 | removal | 2.00% | 0.1900 | 100.0% | 0.750 | 1.000 |" in text


def test_the_page_says_what_the_detector_was_set_to_and_what_came_out():
    text = page.markdown(REPORT, [])
    assert "learned from 600 training users" in text
    assert "set to flag at most 5% of 601 others" in text and "flags 4.8% of those" in text
    assert "Of the 300 histories" in text and "flags 27.5% as they are" in text


def test_the_page_names_the_targets_and_the_users_that_are_counted():
    text = page.markdown({**REPORT, "promotion": []}, [])
    assert "Targets (mid): a, b. Each user is shown one of them in turn." in text
    assert "of n = 283 users, those of the 300 who do not have theirs" in text
    assert "the mean over n = 300 users" in text


def attacker_of(name, left, edited, goal="lower the next item", value="ndcg"):
    last = {**RAISED[1], value: left, "edited": edited}
    return {
        **CURVE,
        "defence": "purification",
        "attacker": name,
        "goal": goal,
        "points": [RAISED[0], last],
    }


def test_each_attacker_has_a_line_and_the_worst_is_the_figure_of_the_defence():
    both = [attacker_of(STAYS_BELOW, 0.334, 0.22), attacker_of(IGNORES, 0.165, 1.0)]
    text = page.markdown({**REPORT, "pollution": both}, [])
    start = "| delete | greedy | purification |"
    assert f"{start} stays below the detector | 0.2000 | 0.3340 | 22.0% |" in text
    assert f"{start} ignores the detector | 0.2000 | 0.1650 | 100.0% |" in text
    assert "| edits of | defence | 3 edits, worst | search | attacker | edited |" in text
    assert "| delete | purification | 0.1650 | greedy | ignores the detector | 100.0% |" in text
    assert "who ignores the detector fears only a lower score" in text


def test_the_worst_of_a_target_is_what_shows_it_most():
    goal = ("raise a target", "target_hit_rate")
    both = [attacker_of(IGNORES, 0.9, 1.0, *goal), attacker_of(STAYS_BELOW, 0.1, 0.2, *goal)]
    (_, row) = page.worst_rows({**REPORT, "pollution": both}, page.RAISE)
    assert row[2:] == ("0.9000", "greedy", "ignores the detector", "100.0%")


def test_the_lines_are_the_same_tables_aligned():
    lines = page.lines_of(REPORT)
    assert lines[1].split() == "edits of search defence attacker 0 3 edited flagged".split()
    assert lines[2].split() == ["delete", "greedy", "none", "0.2000", "0.1000", "75.0%", "50.0%"]
    assert lines[3] == "" and lines[-1].startswith("flooding  62          removal")


def test_what_was_not_measured_has_no_table():
    text = page.markdown({**REPORT, "promotion": [], "pollution": REPORT["pollution"][:1]}, [])
    assert "## Polluted" in text and "## A target" not in text and "## Fake" not in text
    assert len(page.lines_of({**REPORT, "pollution": []})) == 3
