from pathlib import Path

import pytest

from experiments.knowledge_graph import page
from experiments.knowledge_graph.__main__ import main


def entry(ndcg, *, ablation=None, epochs=(0,), **settings):
    value = {"ndcg@10": ndcg, "hit_rate@10": 0.5}
    test = {"difference": 0.0851, "half_width": 0.0114, "p_value": 1e-9, "users": 9}
    return {
        "seeds": 2,
        "mean": {"all items": value, "cold items": value},
        "deviation": {test: {"ndcg@10": 0.01} for test in ("all items", "cold items")},
        "settings": settings,
        "tried": {"weight 1": {}, "weight 0.3": {}} if settings else {},
        "ablation": ablation,
        "against": {ablation: {"cold items": test}} if ablation else {},
        "epochs": list(epochs),
    }


def test_an_entry_with_facts_stands_with_its_weight_epochs_and_difference():
    cold = {
        "items": 5,
        "items with an entity": 4,
        "cold items": 2,
        "training interactions": 1000,
        "entries": {
            "random": entry(0.1),
            "with facts": entry(0.3, ablation="plain", epochs=(19, 1, 19), weight=0.3),
        },
    }
    text = page.markdown(
        {"name": "tiny", "command": "python it", "about": {"facts": 7}, "cold": cold}, Path("x.md")
    )
    assert text.startswith("# tiny: knowledge graph\n\nMade by `python it`.\n\n- facts: 7\n")
    assert "| random | 2 | 0.1000 (0.0100) | 0.1000 (0.0100) | 0.5000 |  |  |  |  |" in text
    assert (
        "| with facts | 2 | 0.3000 (0.0100) | 0.3000 (0.0100) | 0.5000 | weight 0.3 of 1, 0.3 | "
        "1, 19 |  | +0.0851 ± 0.0114, p < .001 |" in text
    )


def test_the_command_writes_a_page_again_from_its_report(tmp_path):
    (tmp_path / "x.json").write_text('{"name": "tiny", "command": "python it", "about": {}}')
    with pytest.raises(SystemExit) as ended:
        main(["--render", str(tmp_path / "x.json")])
    assert ended.value.code == 0
    assert (tmp_path / "x.md").read_text().startswith("# tiny: knowledge graph")
