"""A factorization and a knowledge graph embedding with the same vectors of the items.

The graph regularizes the recommender: what the facts say of an item moves the vector that
The graph regularizes the recommender: what the facts say of an item moves the vector that users
structural vector to the item's own; Ai et al. 2018 (CFKG, arXiv:1805.03352) give users, items
and entities one space. Here an item simply is an entity.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.knowledge.embeddings import KnowledgeEmbedding
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.ops.random import random_indices, stream

_PREFIX = "knowledge_"


class KnowledgeFactorization(MatrixFactorization):
    """`MatrixFactorization` whose item vectors are the first entities of `knowledge`.

    Trained on the batches of the factorization, `data.batches.of_pairs`. Beside each positive
    a fact is drawn, uniform among those of the graph, and

        loss = loss of the positive + weight * loss of the fact

    so one optimizer step, compiled in blocks, serves both. A fact without an open candidate
    adds nothing. `AdversarialTraining` perturbs the vectors of both.

    Args:
        interactions: the training interactions.
        knowledge: on a graph in which entity i is item i (`KnowledgeGraph.with_items_first`);
            its entity and relation tables are trained here.
        weight: of the facts, >= 0.
        settings: those of `MatrixFactorization`, but for `dim`, which is that of `knowledge`.
            The items begin at the vectors of `knowledge`.

    Raises:
        ValueError: as `MatrixFactorization`; if `weight` is negative, or entity i of the graph
            is not item i.
    """

    attackable = MatrixFactorization.attackable + tuple(
        _PREFIX + name for name in KnowledgeEmbedding.attackable
    )

    def __init__(
        self,
        interactions: Interactions,
        knowledge: KnowledgeEmbedding,
        *,
        weight: float = 0.1,
        **settings,
    ):
        if "dim" in settings:
            raise ValueError(
                "`dim` should be left out: it is that of `knowledge`. "
                f"Received: {settings['dim']!r}."
            )
        dim = knowledge.entity_embedding.output_dim
        super().__init__(interactions, dim=dim, **settings)
        if not weight >= 0:
            raise ValueError(f"`weight` should be >= 0. Received: {weight!r}.")
        if not np.array_equal(knowledge.graph.item_entity, np.arange(interactions.num_items)):
            raise ValueError(
                f"`knowledge` should be on a graph whose first {interactions.num_items} entities "
                "are the items, as `with_items_first` makes it. Received one of "
                f"{knowledge.graph.num_items} items and {knowledge.graph.num_entities} entities."
            )
        self.knowledge = knowledge
        self.knowledge_weight = weight
        self.item_embedding = knowledge.entity_embedding  # in place of a table of items alone
        graph = knowledge.graph
        self._facts = {
            "head": tf.constant(graph.heads, tf.int32),
            "relation": tf.constant(graph.relations, tf.int32),
            "tail": tf.constant(graph.tails, tf.int32),
        }

    @property
    def metrics(self):
        return [self._epoch_loss]  # `knowledge` has one of the same name, which is not fed here

    def embedding_tables(self):
        of_knowledge = self.knowledge.embedding_tables()
        shared = of_knowledge.pop("entities")
        tables = {**super().embedding_tables(), "items": shared}
        return tables | {_PREFIX + name: layer for name, layer in of_knowledge.items()}

    def draw(self, inputs, tables):
        """As the factorization; adds a fact each example, and what is drawn for it."""
        seed = inputs["seed"]
        drawn = random_indices(
            tf.shape(inputs["weight"]), stream(seed, "fact"), len(self.knowledge.graph)
        )
        facts = {name: tf.gather(column, drawn) for name, column in self._facts.items()}
        facts["weight"] = tf.ones_like(inputs["weight"])
        facts["seed"] = stream(seed, "negatives of the fact")
        own = {n.removeprefix(_PREFIX): t for n, t in tables.items() if n.startswith(_PREFIX)}
        facts = self.knowledge.draw(facts, {**own, "entities": tables["items"]})
        pairs = super().draw(inputs, tables)
        return {**pairs, **{_PREFIX + name: value for name, value in facts.items()}}

    def lookups(self, inputs):
        found = super().lookups(inputs)
        for name, (table, index) in self.knowledge.lookups(_own(inputs)).items():
            found[_PREFIX + name] = ("items" if table == "entities" else _PREFIX + table, index)
        return found

    def row_losses(self, rows, inputs):
        """[batch]: the loss of the positive and, `weight` times, of the fact beside it."""
        facts = _own(inputs)
        of_facts = facts["weight"] * self.knowledge.row_losses(_own(rows), facts)
        return super().row_losses(rows, inputs) + self.knowledge_weight * of_facts

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        users = tf.gather(self.user_embedding.embeddings, user_index)
        items = self.item_embedding.embeddings[: self.interactions.num_items]
        scored = self.objective.scored
        return tf.matmul(scored(users), scored(items), transpose_b=True)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32, of length 1 where scores are cosines."""
        return super().item_vectors()[: self.interactions.num_items]


def _own(named: dict) -> dict:
    """Those entries whose name has the prefix, without it."""
    return {n.removeprefix(_PREFIX): v for n, v in named.items() if n.startswith(_PREFIX)}
