import json
from pathlib import Path

import pytest

from experiments.published_tables import overview
from experiments.published_tables.tables import TABLES

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def entry(mean, *, seeds=5, ablation=None, difference=0.0, half_width=0.0):
    test = {"ndcg@10": {"difference": difference, "half_width": half_width}}
    against = {} if ablation is None else {ablation: test}
    return {"seeds": seeds, "mean": {"ndcg@10": mean}, "against": against}


def report(entries, references=()):
    return {"choose_by": "ndcg@10", "entries": entries, "references": dict(references)}


def test_a_cell_is_a_mean_and_names_the_number_of_seeds_where_it_is_small():
    first = report({"EASE": entry(0.5, seeds=1), "Mult-VAE": entry(0.25, seeds=2)})
    second = report(
        {"Mult-VAE": entry(0.125)},
        {"a": {"ndcg@10": 0.3}, "b": {"ndcg@10": 0.4}, "EASE (NumPy)": {"ndcg@10": 0.9}},
    )
    lines = overview.markdown({"x": first, "y": second}, link="at/{}.md")
    assert "| model | [x](at/x.md), NDCG@10 | [y](at/y.md), NDCG@10 |" in lines
    assert "| EASE | .5000 |  |" in lines  # closed form: one seed is all there is
    assert "| Mult-VAE | .2500 (2) | .1250 |" in lines
    assert "| *published* |  | .4000 |" in lines


def test_what_an_ingredient_adds_is_in_percent_and_bold_outside_its_interval():
    sure = entry(0.22, ablation="Mult-VAE", difference=0.02, half_width=0.01)
    unsure = entry(0.19, ablation="Mult-VAE", difference=-0.01, half_width=0.01)
    lines = overview.markdown(
        {
            "x": report({"Mult-VAE": entry(0.2), "Mult-VAE, adversarial": sure}),
            "y": report({"Mult-VAE": entry(0.2), "Mult-VAE, adversarial": unsure}),
            "without its ablation": report({"Mult-VAE, adversarial": sure}),
        }
    )
    assert lines[-1] == "| Mult-VAE, adversarial (over Mult-VAE) | **+10.0** | -5.0 |  |"


def test_lines_stand_between_the_marks_and_take_the_place_of_older_ones():
    page = f"before\n{overview.BEGIN}\nold\n{overview.END}\nafter\n"
    new = overview.insert(page, ["new"])
    assert new == f"before\n{overview.BEGIN}\n\nnew\n\n{overview.END}\nafter\n"
    assert overview.insert(new, ["new"]) == new
    for broken in ("no marks", overview.END + overview.BEGIN, page + overview.BEGIN):
        with pytest.raises(ValueError, match="once each"):
            overview.insert(broken, ["new"])


def test_the_index_of_results_shows_the_figures_of_the_reports():
    # After a table changes: python -m experiments.published_tables \
    #     --overview docs/results/README.md --out docs/results
    files = {name: RESULTS / f"{name}.json" for name in TABLES}
    reports = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    shown = (RESULTS / "README.md").read_text()
    assert overview.insert(shown, overview.markdown(reports)) == shown
