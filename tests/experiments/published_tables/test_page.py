import pytest

from experiments.published_tables.page import markdown_page

pytest.importorskip("optuna")


def test_the_page_shows_every_model_reference_and_what_is_missing(tmp_path, reproduce):
    report = reproduce(budget=1, only=["popularity", "EASE", "shift", "shifted"])
    report["left_out"] = {"big": "too big"}
    shown_page = markdown_page(report, tmp_path / "tiny.md")
    for text in (
        "| popularity |",
        "| shifted |",
        "*published*",
        "big is not in the table: too big",
        "(shift)",
    ):
        assert text in shown_page
    shown = report["entries"]["shift"]["mean"]["ndcg@3"]
    assert f"{shown:.4f}" in shown_page
    report["entries"]["shift"]["against"]["EASE"]["ndcg@3"]["p_value"] = 0.0421
    report["entries"]["shifted"]["against"]["EASE"]["ndcg@3"]["p_value"] = 0.0004
    shown_page = markdown_page(report, tmp_path / "tiny.md")
    assert ", p .042 |" in shown_page and ", p < .001 |" in shown_page
    (where,) = report["machines"]
    assert where["cores"] >= 1 and f"tensorflow {where['tensorflow']}" in shown_page
