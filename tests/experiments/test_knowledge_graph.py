import types

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.pipelines.stages import StageStore
from experiments.knowledge_graph import cold, links, page

ITEMS = 40


def quiet(*_):
    pass


@pytest.fixture(scope="module")
def data():
    """60 users of two tastes; who is of a taste takes items of that kind. Item 40 is unknown to
    the graph."""
    rng = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(60)
        for item in [*rng.choice(np.arange(user % 2, ITEMS, 2), 10, replace=False), ITEMS]
    ]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(60)),
        items=Vocabulary(np.arange(ITEMS + 1)),
    )


@pytest.fixture(scope="module")
def graph(data):
    """Each item is of its kind, and made by somebody who makes that kind alone."""
    facts = [(f"e{i}", "kind", f"kind {i % 2}") for i in range(ITEMS)]
    facts += [(f"e{i}", "maker", f"maker {i % 6}") for i in range(ITEMS)]
    return KnowledgeGraph.from_triples(
        facts, items=data.items, entity_of={i: f"e{i}" for i in range(ITEMS)}
    )


def test_counted_facts_rank_an_entity_by_how_often_it_stands_there(graph):
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


def test_a_tested_fact_has_a_ablation_where_its_ends_stand_together_in_training():
    facts = [("a", "likes", "b"), ("b", "owns", "a"), ("a", "owns", "c"), ("b", "likes", "c")]
    graph = KnowledgeGraph.from_triples(facts, items=Vocabulary([0]))
    # b owns a: the other way round; a owns c and b likes c: never together in training
    found = links.counterparts(graph.select([0]), graph.select([1, 2, 3]))
    assert found.tolist() == [True, False, False]


def test_dealt_facts_are_the_same_facts_tied_to_other_items(graph):
    dealt = cold.with_dealt_facts(graph, seed=0)
    assert dealt.heads is graph.heads and dealt.tails is graph.tails
    assert sorted(dealt.item_entity) == sorted(graph.item_entity)
    assert (dealt.item_entity == graph.item_entity).mean() < 0.2
    assert dealt.item_entity[ITEMS] == -1  # who has none gets none


def test_items_that_the_graph_does_not_know_are_left_out_of_both(data, graph):
    rows, known = cold.known_to(graph, data)
    assert rows.num_items == known.num_items == ITEMS and len(rows) == 600
    names = [known.entities.ids[e] for e in known.item_entity]
    assert names == [f"e{i}" for i in rows.items.ids]


class BySetting:
    """Link prediction as good as the model's l2 is large; training facts are not among those
    tested, and what was seen in choosing is masked at the end."""

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


def test_every_cell_is_chosen_on_validation_and_a_second_run_takes_it_from_the_store(
    graph, tmp_path, monkeypatch
):
    trained = []
    monkeypatch.setattr(links, "SETTINGS", {"distmult": ("l2", (0.001, 0.01))})
    monkeypatch.setattr(links, "LinkPredictionEvaluator", BySetting)
    monkeypatch.setattr(links, "fit_embedding", lambda *args: trained.append(args[-1]))
    monkeypatch.setattr(links, "counterparts", lambda train, test: np.arange(8) >= 2)

    def run(resume):
        store = StageStore(tmp_path, {"job": "test"}, resume=resume)
        return links.predict_links(graph, store, seeds=2, epochs=40, write=quiet)

    first = run(False)
    assert list(first["rows"]) == [
        "count of the facts",
        *(f"distmult, {kind}" for kind in ("uniform", "self_adversarial", "generator")),
    ]
    row = first["rows"]["distmult, generator"]
    assert row["seeds"] == 2 and row["point"] == 0.01 and row["mean"]["mrr"] == 0.51
    # of the two facts without an ablation: ranks 1, 2, 4 and 20
    assert row["mean"]["mrr without counterparts"] == pytest.approx(
        (1 + 1 / 2 + 1 / 4 + 1 / 20) / 4
    )
    assert row["mean"]["hits@10 without counterparts"] == 0.75 and first["counterparts"] == 0.75
    assert row["tried"] == {"0.001": 0.501, "0.01": 0.51}
    assert trained == [links.CHOOSING_SEED, links.CHOOSING_SEED, 0, 1] * 3
    assert first["facts"] == {"train": 64, "validation": 8, "test": 8}
    assert BySetting.asked == [(64, 8, False), (64, 8, True)]
    assert run(True) == first and len(trained) == 12
    text = page.markdown({"about": {"rows": 1}, "links": first}, "tiny", "python it")
    assert "| distmult, generator | 2 | 0.5100 (0.0000) |" in text
    assert "l2 0.01 of 0.001, 0.01" in text


@pytest.mark.slow
def test_facts_bring_cold_items_to_those_who_like_their_kind(data, graph, tmp_path, monkeypatch):
    kept = {
        name: cold.WITH_FACTS[name]
        for name in ("with facts, uniform", "with the facts of other items")
    }
    monkeypatch.setattr(cold, "WITH_FACTS", kept)
    monkeypatch.setattr(cold, "WEIGHTS", (3.0,))
    store = StageStore(tmp_path, {"job": "test"})
    found = cold.cold_rows(data, graph, store, seeds=1, epochs=40, write=quiet)
    rows = found["rows"]
    values = {label: row["cold items"]["ndcg@10"] for label, row in rows.items()}
    assert values["with facts, uniform"] > values["popularity"] + 0.1
    assert values["with facts, uniform"] > values["factorization"] + 0.1
    assert values["with facts, uniform"] > values["with the facts of other items"] + 0.1
    assert found["items with an entity"] == ITEMS and found["cold items"] == 8
    text = page.markdown({"about": {}, "cold": found}, "tiny", "python it")
    assert (
        f"| with facts, uniform | 1 | {rows['with facts, uniform']['all items']['ndcg@10']:.4f}"
        in text
    )
