from pathlib import Path

from experiments.detection import figures, page
from experiments.detection.__main__ import render


def figure(average_precision, transductive=False):
    return {
        "average_precision": average_precision,
        "recall": 0.5,
        "false_positive_rate": 0.01,
        "precision": 0.25,
        "deviation": 0.01,
        "repetitions": 9,
        "transductive": transductive,
        "curve": [1.0] * 101,
    }


REPORT = {
    "command": "python it",
    "settings": {"seeds": 3, "targets": 3, "learned": ["aush"], "click_seeds": 2},
    "kinds": {"pca-var-select": "unsupervised", "forest": "supervised"},
    "unseen": {
        "filmTrust": {
            "pca-var-select": {
                "random": figure(0.2, True),
                "segment": figure(0.4, True),
                "aush": figure(0.1, True),
            },
            "forest": {"random": figure(0.9), "segment": figure(0.5), "aush": figure(0.2)},
        }
    },
    "labeled": {
        "amazon": {"forest": figure(0.75), "guess": {"average_precision": 0.1, "seeds": 0}}
    },
    "clicks": {},
}


def test_the_page_states_means_the_best_detector_and_what_it_misses():
    text = page.markdown(REPORT, Path("x.md"))
    assert "Made by `python it`." in text
    assert "| pca-var-select* | unsupervised | 0.200 | 0.400 | 0.100 | 0.300 |" in text
    assert "| forest | supervised | 0.900 | 0.500 | 0.200 | 0.700 |" in text
    assert "| forest | 0.500 | 0.010 | 0.250 |" in text
    assert "| forest | 0.200 | 2.0 x |" in text  # learned: .2 over .1
    assert "The best over these attacks is forest: AP of 0.8 or more on 1 of 2" in text
    assert "below it on segment." in text


def test_labeled_sets_show_the_spread_and_what_was_not_run():
    text = page.markdown(REPORT, Path("x.md"))
    assert "| forest | supervised | 0.750 (0.010) |" in text and "| guess |  | 0.100 |" in text
    assert "Not run on these: pca-var-select." in text
    assert "Not asked for, so not on this page: clicks." in text


def test_click_fraud_has_a_column_a_kind():
    clicks = {"forest": {"click farm": figure(0.6), "scripted bots": figure(1.0)}}
    text = page.markdown({**REPORT, "clicks": clicks}, Path("x.md"))
    assert "| detector | click farm | scripted bots |" in text
    assert "| forest | 0.600 | 1.000 |" in text and "2 worlds." in text


def test_a_page_is_written_again_from_its_report_with_its_plots(tmp_path):
    path = tmp_path / "results" / "detection-filmTrust.md"
    text = render(REPORT, path)
    drawn = {file.name for file in (tmp_path / "images").iterdir()}
    assert drawn == {f"detection-filmTrust-{name}.png" for name in figures.plots(REPORT)}
    assert len(drawn) == 2 and all(f"(../images/{name})" in text for name in drawn)
