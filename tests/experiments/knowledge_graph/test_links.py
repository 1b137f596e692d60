import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.pipelines.stages import StageStore
from experiments.knowledge_graph import links, page


def quiet(*_):
    pass


def test_counted_facts_rank_an_entity_by_how_often_it_stands_there():
    small = KnowledgeGraph.from_triples(
        [("a", "likes", "x"), ("b", "likes", "x"), ("a", "likes", "y"), ("a", "owns", "y")],
        items=Vocabulary([0]),
    )
    a, x, b, y = 0, 1, 2, 3  # in order of appearance
    counted = links.CountedFacts(small)
    likes, owns = tf.constant([0]), tf.constant([1])
    tails = counted.score_tails(tf.constant([b]), likes).numpy()[0]
    assert tails[[a, x, b, y]].tolist() == [0, 2, 0, 1]
    heads = counted.score_heads(likes, tf.constant([x])).numpy()[0]
    assert heads[[a, x, b, y]].tolist() == [2, 0, 1, 0]
    assert counted.score_tails(tf.constant([a]), owns).numpy()[0].tolist() == [0, 0, 0, 1]


def test_a_tested_fact_has_a_counterpart_where_its_ends_stand_together_in_training():
    facts = [("a", "likes", "b"), ("b", "owns", "a"), ("a", "owns", "c"), ("b", "likes", "c")]
    graph = KnowledgeGraph.from_triples(facts, items=Vocabulary([0]))
    # b owns a: the other way round; a owns c and b likes c: never together in training
    found = links.counterparts(graph.select([0]), graph.select([1, 2, 3]))
    assert found.tolist() == [True, False, False]


class BySetting:
    """Link prediction as good as the model's l2 is large; facts seen in validation are masked in
    the test."""

    asked = []

    def __init__(self, train, test, also_known=None):
        self.asked.append((len(train), len(test), also_known is not None))
        self.facts = len(test)

    def evaluate(self, model):
        value = getattr(model, "l2", 0.0)
        ranks = np.array([[1, 2], [4, 20], *[[1, 1]] * 6])
        return types.SimpleNamespace(
            metrics=dict.fromkeys(links.METRICS, 0.5 + value), ranks=ranks[: self.facts]
        )


@pytest.mark.slow
def test_every_setting_is_chosen_on_validation_and_a_second_run_takes_it_from_the_store(
    graph, tmp_path, monkeypatch
):
    trained = []
    monkeypatch.setattr(links, "SPACES", {"distmult": {"l2": (0.001, 0.01)}})
    monkeypatch.setattr(links, "LinkPredictionEvaluator", BySetting)
    monkeypatch.setattr(links, "fit_embedding", lambda *args: trained.append(args[-1]))
    monkeypatch.setattr(links, "counterparts", lambda train, test: np.arange(8) >= 2)

    def run(resume):
        store = StageStore(tmp_path, {"job": "test"}, resume=resume)
        return links.predict_links(graph, store, seeds=2, epochs=40, log=quiet)

    first = run(False)
    assert list(first["entries"]) == [
        "count of the facts",
        *(f"distmult, {kind}" for kind in ("uniform", "self_adversarial", "generator")),
    ]
    entry = first["entries"]["distmult, generator"]
    mean = entry["mean"]["test"]
    assert entry["seeds"] == 2 and entry["settings"] == {"l2": 0.01} and mean["mrr"] == 0.51
    # of the two facts without a counterpart: ranks 1, 2, 4 and 20
    assert mean["mrr without counterparts"] == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 20) / 4)
    assert mean["hits@10 without counterparts"] == 0.75 and first["counterparts"] == 0.75
    assert [point["mrr"] for point in entry["tried"].values()] == [0.501, 0.51]
    choosing, seeds = [links.CHOOSING_SEED] * 2, [0, 1]
    assert sorted(trained) == sorted((choosing + seeds) * 3)
    assert first["facts"] == {"train": 64, "validation": 8, "test": 8}
    assert set(BySetting.asked) == {(64, 8, False), (64, 8, True)}
    assert run(True)["entries"] == first["entries"] and len(trained) == 12
    report = {"name": "tiny", "command": "python it", "about": {"interactions": 1}, "links": first}
    text = page.markdown(report, Path("x.md"))
    assert "| distmult, generator | 2 | 0.5100 (0.0000) |" in text
    assert "l2 0.01 of 0.001, 0.01" in text
