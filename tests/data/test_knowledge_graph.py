import numpy as np
import pytest

from advrec_tf.data.interactions import Vocabulary
from advrec_tf.data.knowledge_graph import KnowledgeGraph

TRIPLES = [("i1", "has_genre", "drama"), ("i0", "has_genre", "crime"), ("i1", "made_by", "ann")]


def test_triples_become_indices_in_order_of_appearance():
    graph = KnowledgeGraph.from_triples(TRIPLES, items=Vocabulary(["i0", "i1", "i2"]))
    # entities: i1, drama, i0, crime, ann
    assert list(graph.entities.ids) == ["i1", "drama", "i0", "crime", "ann"]
    assert graph.heads.tolist() == [0, 2, 0]
    assert graph.relations.tolist() == [0, 0, 1]
    assert graph.tails.tolist() == [1, 3, 4]
    assert graph.item_entity.tolist() == [2, 0, -1]
    assert (len(graph), graph.num_entities, graph.num_relations, graph.num_items) == (3, 5, 2, 3)


def test_items_may_go_by_another_name_in_the_graph():
    graph = KnowledgeGraph.from_triples(
        TRIPLES, items=Vocabulary([7, 8, 9]), entity_of={8: "i0", 9: "absent"}
    )
    assert graph.item_entity.tolist() == [-1, 2, -1]


def test_a_graph_without_triples_knows_no_item():
    graph = KnowledgeGraph.from_triples([], items=Vocabulary(["i0", "i1"]))
    assert len(graph) == 0
    assert graph.item_entity.tolist() == [-1, -1]


def test_a_triple_of_two_parts_is_refused():
    with pytest.raises(ValueError, match="`triples`"):
        KnowledgeGraph.from_triples([("i0", "drama")], items=Vocabulary(["i0"]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("heads", [0, 3]),
        ("relations", [0, -1]),
        ("relations", [0]),
        ("tails", [1, 3]),
        ("item_entity", [-2]),
        ("item_entity", [1, 1]),
    ],
)
def test_a_bad_column_is_refused_by_name(name, value):
    columns = {"heads": [0, 1], "relations": [0, 0], "tails": [1, 2], "item_entity": [0, -1]}
    columns[name] = value
    with pytest.raises(ValueError, match=f"`{name}`"):
        KnowledgeGraph(
            **{key: np.array(column, np.int32) for key, column in columns.items()},
            entities=Vocabulary(["a", "b", "c"]),
            relation_names=Vocabulary(["r"]),
        )
