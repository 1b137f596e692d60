import json

import pytest

from experiments.speed import served_states


def test_the_page_has_the_time_by_history_over_that_by_state(tmp_path):
    times = {"recommend_from_history": 6.0, "recommend_from_state": 2.5}
    report = {"command": "c", "about": {"length": 50}}
    report["rows"] = [{"items": 1_000, "users": 64, "milliseconds": times}]
    text = served_states.markdown(report, tmp_path / "page.md")
    assert "| 1,000 | 64 | 6.00 | 2.50 | x2.4 |" in text


@pytest.mark.slow
def test_both_are_asked_for_the_same_lists(tmp_path):
    small = "--items 60 --users 2 --length 4 --dim 4 --repeat 2".split()
    served_states.main([*small, "--out", str(tmp_path)])
    report = json.loads((tmp_path / "served-states.json").read_text())
    (row,) = report["rows"]
    by_history, by_state = row["milliseconds"].values()
    assert list(row["milliseconds"]) == ["recommend_from_history", "recommend_from_state"]
    text = (tmp_path / "served-states.md").read_text()
    assert f"| 60 | 2 | {by_history:.2f} | {by_state:.2f} | x{by_history / by_state:.1f} |" in text


def test_calls_alternate_and_the_first_of_each_is_not_counted(monkeypatch):
    clock, order = iter([0, 9, 9, 10, 10, 12, 12, 13, 13, 17, 17, 18]), []
    monkeypatch.setattr(served_states.time, "process_time", lambda: next(clock))
    asked = {name: lambda name=name: order.append(name) for name in "ab"}
    # a took 9, then 2 and 4 seconds; b always one
    found = served_states.in_turns(asked, 2)
    assert found == pytest.approx({"a": 3000.0, "b": 1000.0})
    assert order == list("ababab")
