import dataclasses

import pytest

from experiments.published_tables.choices import read_choices, write_choices
from experiments.published_tables.page import markdown_page

pytest.importorskip("optuna")


@pytest.mark.slow
def test_entries_of_an_earlier_report_are_kept_and_only_those_asked_for_are_trained(
    tmp_path, reproduce, earlier_report
):
    before = earlier_report
    trained = []
    report = reproduce(only=["shift"], onto=tmp_path / "tiny.json", seeds=2, log=trained.append)
    assert list(report["entries"]) == list(before["entries"])
    assert report["entries"]["shift"]["seeds"] == 2 and before["entries"]["shift"]["seeds"] == 3
    assert report["kept"] == ["popularity", "EASE", "shifted"] and not report["not_run"]
    assert report["entries"]["shifted"] == before["entries"]["shifted"]
    text = markdown_page(report, tmp_path / "tiny.md")
    assert "kept, with the comparisons measured then: popularity; EASE; shifted." in text


@pytest.mark.slow
def test_a_model_trained_again_without_its_ablation_is_named(tmp_path, reproduce, earlier_report):
    before = earlier_report
    assert before["unpaired"] == []
    report = reproduce(only=["shifted"], onto=tmp_path / "tiny.json")
    assert report["unpaired"] == ["shifted"] and "shift" in report["kept"]
    text = markdown_page(report, tmp_path / "tiny.md")
    assert "which was not trained in the same run: shifted." in text
    assert "same run: " not in markdown_page(before, tmp_path / "tiny.md")


@pytest.mark.slow
def test_an_entry_whose_ablation_has_other_settings_now_is_not_kept(
    tmp_path, reproduce, earlier_report
):
    path = tmp_path / "settings.json"
    chosen = read_choices(path)
    other = dataclasses.replace(chosen["shift"], settings={"size": 1, "b": 7})
    write_choices(path, {**chosen, "shift": other})
    lines = []
    report = reproduce(only=["popularity"], onto=tmp_path / "tiny.json", log=lines.append)
    assert list(report["entries"]) == ["popularity", "EASE"]
    assert report["outdated"] == report["not_run"] == ["shift", "shifted"]
    assert any("shifted: the entry of" in line for line in lines)


@pytest.mark.parametrize("text", ["[]", "{", '{"table": "other", "entries": {"EASE": {}}}'])
def test_a_report_of_another_table_is_named_before_any_work(tmp_path, reproduce, text):
    path = tmp_path / "tiny.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="tiny.json should be a report"):
        reproduce(budget=1, onto=path)
    assert not (tmp_path / "run").exists()
