import numpy as np
import pytest

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from tests.worlds import block_world, interactions_of, pairs_of

ITEMS = 40


@pytest.fixture(scope="module")
def data():
    """60 users of two tastes, 10 items each of their kind; and item 40, which all users have and
    the graph does not know."""
    pairs = pairs_of(block_world(60, ITEMS, 10)) + [(user, ITEMS) for user in range(60)]
    return interactions_of(pairs)


@pytest.fixture(scope="module")
def graph(data):
    """Each item is of its kind, and made by somebody who makes that kind alone."""
    facts = [(f"e{i}", "kind", f"kind {i % 2}") for i in range(ITEMS)]
    facts += [(f"e{i}", "maker", f"maker {i % 6}") for i in range(ITEMS)]
    return KnowledgeGraph.from_triples(
        facts, items=data.items, entity_of={i: f"e{i}" for i in np.arange(ITEMS)}
    )
