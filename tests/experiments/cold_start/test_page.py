import pytest

from experiments.cold_start.page import markdown_page


@pytest.fixture
def report():
    metrics = {"ndcg@10": 0.25, "hit_rate@10": 0.5, "coverage@10": 0.125}
    entry = {
        "seeds": 2,
        "mean": {"all items": metrics},
        "deviation": {"all items": {"ndcg@10": 0.01}},
        "seconds": 3.2,
        "epochs": [2, 4],
        "settings": {"epsilon": 0.1},
        "tried": {"epsilon 0.1": {}, "epsilon 0.3": {}},
        "ablation": None,
        "against": {},
    }
    test = {"difference": 0.05, "half_width": 0.01, "p_value": 0.0004}
    hardened = entry | {
        "ablation": "id tower",
        "against": {"id tower": {"all items": test}},
        "robustness": {"typo 0.3": 0.1},
    }
    return {
        "command": "python -m experiments.cold_start",
        "about": {"users": 3},
        "scenarios": [
            {
                "scenario": "warm",
                "notes": {"cold_items": 4},
                "tests": ["all items"],
                "groups": [],
                "entries": {"id tower": entry, "text tower": hardened},
                "left_out": {"graph tower": "the data has no graph"},
                "not_run": ["EASE"],
            }
        ],
    }


def test_the_page_shows_every_figure_of_its_report(report, tmp_path):
    text = markdown_page(report, tmp_path / "cold-start-made.md")
    assert text.startswith("# made: cold start\n\nMade by `python -m experiments.cold_start`.")
    cells = "| 2 | 0.2500 (0.0100) | 0.5000 | 0.125 | epsilon 0.1 of 0.1, 0.3 | 2, 4 | 3 |"
    assert f"| id tower {cells}  |" in text
    assert f"| text tower {cells} +0.0500 ± 0.0100, p < .001 (id tower) |" in text
    assert "| text tower | 0.100 |" in text
    assert "Counted: cold items 4." in text
    assert "*graph tower* was not trained: the data has no graph." in text
    assert "Not run: EASE." in text
