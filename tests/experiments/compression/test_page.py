from pathlib import Path

from experiments.compression.page import composed_tables, markdown, pruned_layers, verdict


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
    assert "## Composed ids" not in text  # of an earlier report


def test_a_composed_table_stands_with_its_parameters():
    row = {"model": "hashes", "dim": 64, "parameters": 42052, "share": 0.25031}
    (line,) = composed_tables([{**row, "clean": [0.4, 0.6], "fgsm": [0.1], "random": [0.2]}])[-1:]
    assert line == "| hashes | 64 | 42,052 | 25.0% | 0.5000 (0.1414) | 0.1000 | 0.2000 |"


def test_a_pruned_tower_stands_with_what_is_left_of_it():
    row = {"model": "50% pruned", "dim": 32, "weights": 4128, "parameters": 92385, "gzip": 18619}
    lines = pruned_layers([{**row, "clean": [0.25]}])
    assert lines[-1] == "| 50% pruned | 32 | 4,128 | 92,385 | 18,619 | 0.2500 |"
    assert any("answers no faster" in line for line in lines)
