from pathlib import Path

from experiments.compression.page import markdown, verdict


def row(model, tables, clean, fgsm):
    return {
        "model": model,
        "tables": tables,
        "bytes": 68,
        "clean": clean,
        "fgsm": fgsm,
        "random": fgsm,
    }


ROWS = [
    row("plain", "float32", [0.4, 0.6], [0.2, 0.2]),
    row("plain", "float16", [0.5, 0.5], [0.2, 0.2]),
    row("plain", "int8", [0.4, 0.4], [0.1, 0.1]),
    row("APR", "float32", [0.8, 0.8], [0.6, 0.6]),
    row("APR", "float16", [0.8, 0.8], [0.5, 0.5]),
    row("APR", "int8", [0.88, 0.88], [0.2, 0.2]),
]


def test_the_verdict_sets_what_is_left_beside_what_was_bought():
    half, quarter = verdict(ROWS)
    assert half.startswith("- float16 changes NDCG@10 by plain +0.00%, APR +0.00%.")
    assert half.endswith("APR is +0.4000 above plain by float32 and +0.3000 by float16.")
    assert "int8 changes NDCG@10 by plain -20.00%, APR +10.00%." in quarter
    assert quarter.endswith("APR is +0.4000 above plain by float32 and +0.1000 by int8.")


def test_the_page_has_a_line_a_row():
    report = {"name": "x", "command": "c", "about": {"users": 3}, "epsilon": 0.5, "rows": ROWS}
    text = markdown(report, Path("compression-x.md"))
    assert "| plain | int8 | 68 | 0.4000 (0.0000) | 0.1000 (0.0000) | 0.1000 (0.0000) |" in text
    assert "every vector by 0.5 of its length" in text
