import json
from pathlib import Path

import pytest

from advrec_tf.pipelines.stages import StageStore
from experiments.next_item import entries, page, protocols, study
from tests.experiments.next_item.test_protocols import by_day

PUBLISHED = {"Somebody's": ({"hit_rate@10": 0.5, "ndcg@10": 0.25}, "their page")}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    asked = {"last day": by_day(refit=True, metrics=("hit_rate@1",), published=PUBLISHED)}
    patch.setitem(protocols.DATA, "ring", asked)
    patch.setattr(entries, "SPACE", {"window": (3, 1)})
    store = StageStore(tmp_path_factory.mktemp("run"), {"job": "test"})
    found = study.run("ring", store, log=lambda line: None)
    with pytest.raises(ValueError, match="`protocols` of ring should be among last day.*'x'"):
        study.run("ring", store, protocols=["x"])
    patch.undo()
    return json.loads(json.dumps({"name": "ring", "command": "c", "about": {}, "protocols": found}))


def test_every_baseline_stands_in_the_table(report):
    found = report["protocols"]["last day"]["entries"]
    assert set(found) == {
        "popularity",
        "popularity of the last 1 day",
        "EASE",
        "item-kNN",
        "transitions",
        "transitions, symmetric, window 10",
        "transitions, chosen",
    }
    # In the ring the next item is the one that followed the last one: the counts know it.
    assert found["transitions"]["mean"]["test"]["hit_rate@1"] == 1.0
    assert found["popularity"]["mean"]["test"]["hit_rate@1"] < 0.5
    assert found["popularity"]["against"]["transitions, chosen"]["test"]["difference"] < -0.5


def test_settings_are_chosen_without_what_they_are_chosen_by():
    setting = by_day(refit=True).setting(None)
    assert len(study.setting_of(setting, study.CHOOSING_SEED).fitted) == 60
    assert len(study.setting_of(setting, 0).fitted) == 90


def test_the_page_has_a_section_a_protocol_with_corrected_tests(report):
    text = page.markdown(report, Path("next-item-ring.md"))
    assert "# Next items: ring" in text and "## Last day" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines[0].startswith("| model | HR@1 | against transitions, chosen |")
    (row,) = [line for line in lines if line.startswith("| popularity |")]
    assert "(Holm p" in row and ", FDR p" in row
    assert any("*Somebody's* (their page)" in line for line in lines)
    assert "fitted on all that precedes the test part" in text


def test_ease_is_left_out_of_a_large_catalogue_and_the_page_says_so():
    assert "EASE" in entries.baselines(entries.EASE_ITEMS, None)
    assert "EASE" not in entries.baselines(entries.EASE_ITEMS + 1, None)
    assert "popularity of the last 30 days" in entries.baselines(5, 30.0)
    found = {
        "text": "",
        "facts": {},
        "metrics": ["ndcg@10"],
        "refit": False,
        "left_out": {"EASE": "why", "A": "not run yet", "B": "not run yet"},
        "entries": {},
        "published": [],
    }
    text = page.markdown(
        {"name": "x", "command": "c", "about": {}, "protocols": {"filed": found}}, Path("x.md")
    )
    assert "Not in the table: EASE (why)." in text
    assert "Not in the table: A; B (not run yet)." in text


def test_a_page_keeps_the_protocols_that_a_run_did_not_measure(report):
    old = {"command": "the old one", "about": {"version": "0.1"}}
    before = {**old, "protocols": {**report["protocols"], "filed": report["protocols"]["last day"]}}
    joined = page.with_others(report["protocols"], before)
    assert joined["last day"] == report["protocols"]["last day"]
    text = page.markdown({**report, "protocols": joined}, Path("x.md"))
    assert text.count("Made earlier, by `the old one` of version 0.1.") == 1
    again = page.with_others(report["protocols"], {**before, "protocols": joined, "command": "n"})
    assert again["filed"]["made_by"]["command"] == "the old one"
    noted = page.continued(report, {**before, "note": "Of a shared core."})
    assert noted["protocols"] == joined and "\nOf a shared core.\n" in page.markdown(
        noted, Path("x")
    )
    assert "note" not in page.continued(report, before)


def test_a_protocol_keeps_the_rows_that_a_run_did_not_measure(report):
    filed = report["protocols"]["last day"]
    one, *others = filed["entries"]
    before = {
        **{"command": "the old one", "about": {"version": "0.1"}},
        "protocols": {"filed": {**filed, "left_out": {}}},
    }
    kept = {name: filed["entries"][name] for name in others}
    run = {**filed, "entries": kept, "left_out": {one: "not run yet", "A": "why"}}
    joined = page.with_others({"filed": run}, before)["filed"]
    assert set(joined["entries"]) == set(filed["entries"]) and joined["left_out"] == {"A": "why"}
    text = page.markdown({**report, "protocols": {"filed": joined}}, Path("x.md"))
    assert f"Rows made earlier, by `the old one` of version 0.1: {one}." in text
    other_data = {**before["protocols"]["filed"], "facts": {"users": 1}}
    alone = page.with_others({"filed": run}, {**before, "protocols": {"filed": other_data}})
    assert alone["filed"] == run
