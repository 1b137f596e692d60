import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.knowledge.known_triples import KnownTriples


def graph_of(triples, num_entities, num_relations=1):
    columns = np.array(triples, np.int32).reshape(-1, 3)
    return KnowledgeGraph(
        heads=columns[:, 0],
        relations=columns[:, 1],
        tails=columns[:, 2],
        entities=Vocabulary(np.arange(num_entities)),
        relation_names=Vocabulary(np.arange(num_relations)),
        item_entity=np.zeros(0, np.int32),
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 60, 120])
def test_exactly_the_triples_of_the_graph_are_known(count):
    every = np.stack(np.meshgrid(range(5), range(3), range(8), indexing="ij"), -1).reshape(-1, 3)
    chosen = np.random.default_rng(count).permutation(len(every))[:count]
    table = KnownTriples(graph_of(every[chosen], 8, 3))
    found = table.known(*(tf.constant(column, tf.int32) for column in every.T)).numpy()
    assert sorted(np.flatnonzero(found)) == sorted(chosen)


def test_a_graph_with_too_many_possible_triples_is_refused():
    graph = graph_of([(0, 0, 1)], 2)
    object.__setattr__(graph, "entities", range(2**32))
    with pytest.raises(ValueError, match="possible triples"):
        KnownTriples(graph)
