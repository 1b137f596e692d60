import argparse
import json

import pytest

from experiments.harness import command, reports


def page(report, path):
    return f"{report['value']} {path.stem}"


def test_a_report_is_written_and_read_with_its_page(tmp_path):
    text = reports.write({"value": 3}, page, [tmp_path / "a", tmp_path / "b"], "stem")
    assert text == "3 stem"
    assert (tmp_path / "a" / "stem.md").read_text() == "3 stem"
    assert reports.read(tmp_path / "b" / "stem.json") == {"value": 3}


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_what_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(ValueError, match="bad.json should be a report"):
        reports.read(tmp_path / "bad.json")


def test_rendering_writes_the_pages_and_needs_no_other_argument(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps({"value": 1}))
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    command.add_report(parser, page)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--render", str(tmp_path / "one.json")])
    assert ended.value.code == 0
    assert (tmp_path / "one.md").read_text() == "1 one"


def test_plots_are_addressed_in_the_run_folder_or_beside_the_results(tmp_path):
    assert reports.images_of(tmp_path / "study.md") == "../images/study-"
    (tmp_path / "run.json").write_text("{}")
    assert reports.images_of(tmp_path / "study.md") == "plots/"
