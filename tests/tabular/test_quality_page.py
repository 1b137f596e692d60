import pytest

from advrec_tf.tabular import quality_page

RESULT = {
    "notes": ["a note with <b>markup</b>"],
    "rows": {"real": 500, "synthetic": 400, "holdout": 100},
    "two_sample_auc": 0.6,
    "worst_column": ["x", 0.05],
    "correlations": {"mean": 0.1},
    "mode_coverage": 1.0,
    "train_on_synthetic": {"ratio": 0.9, "measure": "AUC", "real": 0.8, "synthetic": 0.72},
    "disclosure": {"duplicates": 0.0, "nearest_ratio": 1.0, "neighbor_ratio": 0.9},
    "columns": {"<x>": {"total_variation": 0.05}},
}


@pytest.fixture
def page():
    return quality_page.page("A & B", RESULT, {"columns": b"png"}, others={"gan": RESULT})


def test_titles_notes_and_column_names_are_escaped(page):
    assert "<h1>A &amp; B</h1>" in page
    assert "a note with &lt;b&gt;markup&lt;/b&gt;" in page
    assert "&lt;x&gt;" in page and "<x>" not in page


def test_the_page_needs_no_other_file(page):
    # base64 of b"png"
    assert 'src="data:image/png;base64,cG5n"' in page
    assert "http" not in page and "<script" not in page


def test_every_aim_has_its_verdict(page):
    rows = quality_page.verdict_rows(RESULT)
    assert [len(row) for row in rows] == [4] * len(rows)
    reached = sum(row[3] is True for row in rows)
    missed = sum(row[3] is False for row in rows)
    assert reached + missed == len(rows) and missed >= 1  # .9 of what real rows give is too little
    assert page.count('<span class="yes">reached</span>') == reached
    assert page.count('<span class="no">missed</span>') == missed


def test_the_comparison_has_a_line_for_each_generator():
    rows = quality_page.comparison_rows({"gan": RESULT, "vae": RESULT})
    assert [row[0] for row in rows] == ["generator", "gan", "vae"]
    assert len({len(row) for row in rows}) == 1
