from advrec_tf.pipelines.next_item_attack import page

POINTS = [
    {"budget": 0, "ndcg": 0.2, "hit_rate": 0.5, "flagged": 0.05},
    {"budget": 3, "ndcg": 0.1, "hit_rate": 0.25, "flagged": 0.5},
]
RAISED = [{**point, "target_hit_rate": 0.125 * (1 + point["budget"])} for point in POINTS]
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
    "honest_flagged": 0.05,
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
    assert "| delete | greedy | none | 0.2000 | 0.1000 | 50.0% |" in text
    assert "| insert | greedy | none | 0.1250 | 0.5000 | 50.0% |" in text
    assert "| none | 0 | none | 1.00% | 0.2000 |  |  |  |" in text
    assert "| flooding | 62 | removal | 2.00% | 0.1900 | 100.0% | 0.750 | 1.000 |" in text


def test_the_lines_are_the_same_tables_aligned():
    lines = page.lines_of(REPORT)
    assert lines[0].split() == ["edits", "of", "search", "defence", "0", "3", "flagged"]
    assert lines[1].split() == ["delete", "greedy", "none", "0.2000", "0.1000", "50.0%"]
    assert lines[2] == "" and lines[-1].startswith("flooding  62          removal")


def test_what_was_not_measured_has_no_table():
    text = page.markdown({**REPORT, "promotion": [], "pollution": REPORT["pollution"][:1]}, [])
    assert "## Polluted" in text and "## A target" not in text and "## Fake" not in text
    assert len(page.lines_of({**REPORT, "pollution": []})) == 3
