import numpy as np
import pytest

from advrec_tf.evaluation.protocols import cold_items
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.pipelines.stages import StageStore
from experiments.knowledge_graph import cold

ITEMS = 40


def test_dealt_facts_are_the_same_facts_tied_to_other_items(graph):
    dealt = cold.with_dealt_facts(graph, seed=0)
    assert dealt.heads is graph.heads and dealt.tails is graph.tails
    assert sorted(dealt.item_entity) == sorted(graph.item_entity)
    assert (dealt.item_entity == graph.item_entity).mean() < 0.2
    assert dealt.item_entity[ITEMS] == -1  # who has none gets none


def test_items_that_the_graph_does_not_know_are_left_out_of_both(data, graph):
    known_data, known = cold.known_to(graph, data)
    assert known_data.num_items == known.num_items == ITEMS and len(known_data) == 600
    names = [known.entities.ids[e] for e in known.item_entity]
    assert names == [f"e{i}" for i in known_data.items.ids]


def test_every_entry_with_facts_stands_beside_its_ablation_and_its_control():
    entries = cold.entries()
    with_facts = [label for label in entries if label.startswith("with facts")]
    assert len(with_facts) == 3
    for label in with_facts:
        assert entries[label].ablation == cold.ABLATION in entries
        assert entries[label].control == cold.CONTROL in entries
    assert entries[cold.CONTROL].ablation == cold.ABLATION


def test_validation_ranks_its_own_cold_items_alone(data, graph):
    known, _ = cold.known_to(graph, data)
    taken = cold_items(known, seed=0)
    scores = np.zeros((known.num_users, known.num_items), np.float32)
    scores[:, taken.validation_items] = -1.0  # below every other item, which are not ranked
    scores[:, taken.validation_items[0]] = 0.0
    model = MatrixRecommender(scores=scores, interactions=taken.train)
    assert cold.make_setting(taken, 0).validate(model) > 0.1


@pytest.mark.slow
def test_facts_bring_cold_items_to_those_who_like_their_kind(data, graph, tmp_path, monkeypatch):
    kept = ("random", "popularity", cold.ABLATION, "with facts, uniform", cold.CONTROL)
    entries = {label: entry for label, entry in cold.entries().items() if label in kept}
    monkeypatch.setattr(cold, "entries", lambda: entries)
    for label in kept[3:]:
        entries[label].space["weight"] = (3.0,)
    store = StageStore(tmp_path, {"job": "test"})
    found = cold.recommend_cold_items(data, graph, store, seeds=1, epochs=40, log=lambda line: None)
    values = {label: e["mean"]["cold items"]["ndcg@10"] for label, e in found["entries"].items()}
    for other in ("popularity", cold.ABLATION, cold.CONTROL):
        assert values["with facts, uniform"] > values[other] + 0.1
    assert found["items with an entity"] == ITEMS and found["cold items"] == 8
