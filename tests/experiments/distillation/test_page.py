from pathlib import Path

from experiments.distillation.page import closed, markdown


def row(model, dim, *ndcg, tables="float32"):
    return {
        "model": model,
        "dim": dim,
        "tables": tables,
        "bytes": 4 * dim,
        "ndcg@5": list(ndcg),
        "hit_rate@5": [0.5],
        "full ndcg@10": [0.1],
    }


ROWS = [
    row("teacher", 20, 0.4, 0.6),
    row("student alone", 2, 0.2, 0.2),
    row("student of the teacher", 2, 0.4, 0.4),
    row("student of popularity", 2, 0.05, 0.05),
    row("student alone", 6, 0.35, 0.35, tables="int8"),
]


def test_the_gap_is_between_the_student_of_few_dimensions_alone_and_the_teacher():
    # .5 - .2 = .3, of which .2 is closed; popularity takes .15 away, more dimensions give .15.
    assert closed(ROWS) == [
        "- student of the teacher, 2 dimensions in float32: +67% of the gap in N@5.",
        "- student of popularity, 2 dimensions in float32: -50% of the gap in N@5.",
        "- student alone, 6 dimensions in int8: +50% of the gap in N@5.",
    ]


def test_the_page_has_a_line_a_row():
    text = markdown({"command": "c", "about": {"users": 3}, "rows": ROWS}, Path("x.md"))
    assert "| student alone | 2 | float32 | 8 | 0.2000 (0.0000) | 0.5000 | 0.1000 |" in text
