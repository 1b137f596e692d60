import pytest

from experiments.augmentation.page import markdown_page, plots
from experiments.augmentation.settings import AugmentationSettings


@pytest.fixture
def report():
    def entry(value, **more):
        figures = {"ndcg@10": value, "long_tail_share@10": 0.125, "coverage@10": 0.5}
        figures["sparsest fifth"] = value / 2
        mean = {"validation": figures, "next item": figures}
        return {
            "seeds": 2,
            "mean": mean,
            "deviation": {test: dict.fromkeys(figures, 0.01) for test in mean},
            "seconds": 1.0,
            "epochs": [],
            "settings": {},
            "tried": {},
            "ablation": None,
            "against": {},
            **more,
        }

    gap = {"next item": {"difference": 0.05, "half_width": 0.02, "p_value": 0.01}}
    entries = {
        "no augmentation": entry(0.25),
        "GAN, ablation": entry(0.25, against={"no augmentation": gap}),
        "GAN": entry(
            0.30,
            settings={"steered_fraction": 0.1},
            ablation="GAN, ablation",
            against={"no augmentation": gap, "GAN, ablation": gap},
        ),
    }
    part = {
        "part": "tail",
        "baseline": "no augmentation",
        "seeds": 2,
        "tests": ["next item"],
        "default": "GAN",
        "entries": entries,
    }
    return {
        "command": "python -m experiments.augmentation",
        "about": {"users": 3},
        "settings": vars(AugmentationSettings()),
        "parts": [part],
    }


def test_the_page_shows_the_figures_the_default_and_what_the_adversary_adds(report, tmp_path):
    text = markdown_page(report, tmp_path / "results" / "augmentation-made.md")
    assert text.startswith("# Augmentation: made\n")
    gap = "+0.0500 ± 0.0200, p .010"
    cells = "0.3000 (0.0100) | 0.1500 (0.0100) | 0.1250 (0.0100) | 0.5000 (0.0100)"
    assert f"| GAN | steered fraction 0.1 | 0.3000 | {cells} | {gap} |" in text
    assert "prefers **GAN**, which is the default: NDCG@10 +20.0%, tail +0.0%" in text
    assert f"*GAN* against *GAN, ablation*, what the adversary adds: next item {gap}." in text
    assert f"Against the others, next item: no augmentation {gap}." in text
    assert "![The long tail](../images/augmentation-made-tail.png)" in text


def test_every_part_has_a_plot_of_every_column(report):
    figure = plots(report, "made")["tail"]()
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "NDCG@10, next item",
        "fraction of the long tail",
    ]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.25, 0.25, 0.30]
