import argparse
import json

from experiments.speed.cell_page import CellPage

PAGE = CellPage("speed-of-x", "Speed of x", ("size", "seconds"), "Seconds are medians.")


def test_the_page_is_written_beside_its_report_and_made_from_it_again(tmp_path):
    args = argparse.Namespace(out=tmp_path, rounds=3, hidden="no fact of the page")
    PAGE.publish(args, ["rounds"], [("10", "1.5")])
    page = (tmp_path / "speed-of-x.md").read_text(encoding="utf-8")
    assert "| 10 | 1.5 |" in page and "- rounds: 3" in page and "Seconds are medians." in page
    assert "hidden" not in page and "cores" in page
    report = json.loads((tmp_path / "speed-of-x.json").read_text(encoding="utf-8"))
    assert PAGE.markdown(report, None) == page
