import argparse
import json

import pytest

from experiments.harness import reports


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
    reports.add_arguments(parser, page)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--render", str(tmp_path / "one.json")])
    assert ended.value.code == 0
    assert (tmp_path / "one.md").read_text() == "1 one"


def test_plots_are_copied_beside_the_results_and_addressed_there(tmp_path):
    out, run = tmp_path / "docs" / "results", tmp_path / "run"
    (run / "plots").mkdir(parents=True)
    (run / "plots" / "tail.png").write_bytes(b"png")
    reports.copy_plots([run / "plots" / "tail.png"], out, "study")
    assert (tmp_path / "docs" / "images" / "study-tail.png").read_bytes() == b"png"
    assert reports.images_of(out / "study.md") == "../images/study-"
    assert reports.images_of(run / "study.md") == "plots/"
