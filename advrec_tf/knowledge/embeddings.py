"""Knowledge graph embeddings: vectors of entities and relations that score facts.

A fact (head, relation, tail) is told from corrupted ones, whose head or tail is another
entity. The corrupted ones are weighed evenly, or adversarially: by the model's own scores, or
by a generator that picks the one the model confuses most. Given blocks of batches it trains in
compiled steps (see `models.row_model`). Link prediction is left to `evaluation`.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.knowledge.known_triples import KnownTriples
from advrec_tf.knowledge.scores import TripleScore
from advrec_tf.models.factorization import negatives as samplers
from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.ops.random import random_floats

LOSSES = ("logistic", "margin")
NEGATIVES = ("uniform", "self_adversarial", "generator")


class KnowledgeEmbedding(SparseEmbeddingModel):
    """Vectors that score facts (h, r, t) as `TripleScore` says, trained to score true ones high.

    Trained on batches of `data.batches.of_triples`. Of a batch every other fact, beginning
    with the first, has its tail exchanged for `count` uniform entities, the rest their head. A
    corrupted fact that the graph knows is left out; a fact without any other gets weight 0.
    With s the score, s'_j those of the corrupted facts and w_j >= 0 weights that sum to 1:

        logistic   softplus(-(margin + s)) + sum_j w_j softplus(margin + s'_j)   [nats]
        margin     sum_j w_j max(0, margin - s + s'_j)

    (Sun et al., eq. 6, without their halving; Bordes et al., eq. 1.) The weights are
    `negatives`:

        uniform            all alike
        self_adversarial   softmax(hardness * s'), held still (Sun et al., eq. 5)
        generator          1 for one of them, which a second embedding, a DistMult, draws with
                           p = softmax of its scores. It follows the policy gradient of the
                           fact's loss, less the batch's mean (Cai & Wang 2018,
                           arXiv:1711.04071, whose reward is s'; the game of
                           `models.factorization`)

    Args:
        graph: the training facts.
        dim: length of an entity's vector, >= 1; even for rotate.
        score, norm, unit_entities: of `TripleScore`.
        loss: "logistic" or "margin".
        margin: >= 0; > 0 for the loss of that name.
        negatives: one of `NEGATIVES`.
        count: corrupted facts a fact, >= 1.
        hardness: > 0 for self_adversarial, else 0.
        l2: factor of the squared norm of a fact's vectors (entities' alone for rotate), >= 0.
        initial_scale: standard deviation of the initial vectors; rotate's angles are uniform.
        generator_dim: length of the generator's vectors, >= 1.

    Raises:
        ValueError: if an argument is out of range, unknown, or of no use to the others.
    """

    attackable = ("head", "relation", "tail", "other")

    def __init__(
        self,
        graph: KnowledgeGraph,
        *,
        dim: int = 64,
        score: str = "transe",
        norm: int = 1,
        loss: str = "logistic",
        margin: float = 1.0,
        negatives: str = "uniform",
        count: int = 8,
        hardness: float = 0.0,
        unit_entities: bool = False,
        l2: float = 0.0,
        initial_scale: float = 0.1,
        generator_dim: int = 16,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        scoring = TripleScore(name=score, norm=norm, unit_entities=unit_entities)
        for name, value, allowed in (
            ("loss", loss, LOSSES),
            ("negatives", negatives, NEGATIVES),
        ):
            if value not in allowed:
                raise ValueError(f"`{name}` should be one of {allowed}. Received: {value!r}.")
        for name, value in (("dim", dim), ("count", count), ("generator_dim", generator_dim)):
            if value < 1:
                raise ValueError(f"`{name}` should be >= 1. Received: {value!r}.")
        if not len(graph):
            raise ValueError("`graph` should hold a triple. Received none.")
        if not l2 >= 0:
            raise ValueError(f"`l2` should be >= 0. Received: {l2!r}.")
        if score == "rotate" and dim % 2:
            raise ValueError(f"`dim` should be even with score='rotate'. Received: {dim!r}.")
        if not (margin > 0 or (margin == 0 and loss == "logistic")):
            raise ValueError(
                "`margin` should be > 0, or 0 with loss='logistic'. "
                f"Received: {margin!r} with loss={loss!r}."
            )
        if not (hardness > 0 if negatives == "self_adversarial" else hardness == 0):
            raise ValueError(
                "`hardness` should be > 0 with negatives='self_adversarial', else 0. "
                f"Received: {hardness!r} with negatives={negatives!r}."
            )
        self.graph = graph
        self.scoring = scoring
        self.loss_name = loss
        self.margin = margin
        self.negatives = negatives
        self.count = count
        self.hardness = hardness
        self.l2 = l2
        self._known = KnownTriples(graph)

        def table(size, width, name, seed, angles=False):
            initializer = keras.initializers.RandomNormal(stddev=initial_scale, seed=seed)
            if angles:
                initializer = keras.initializers.RandomUniform(-math.pi, math.pi, seed=seed)
            layer = keras.layers.Embedding(size, width, initializer, name=name)
            layer.build(None)
            return layer

        entities, relations, rotates = graph.num_entities, graph.num_relations, score == "rotate"
        self.entity_embedding = table(entities, dim, "entity_embedding", 2 * seed)
        self.relation_embedding = table(
            relations, dim // 2 if rotates else dim, "relation_embedding", 2 * seed + 1, rotates
        )
        if negatives == "generator":
            self.generator_entities = table(
                entities, generator_dim, "generator_entities", 2 * seed + 101
            )
            self.generator_relations = table(
                relations, generator_dim, "generator_relations", 2 * seed + 102
            )

    def call(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """`head`, `relation`, `tail` [batch] int32 -> [batch], the facts' scores."""
        return self.score_triples(inputs["head"], inputs["relation"], inputs["tail"])

    def score_triples(self, head, relation, tail) -> tf.Tensor:
        """[batch] int32 each -> [batch] float32."""
        question = self.scoring.question(self._entity(head), self._relation(relation), heads=False)
        return self.scoring.compare(question, self.scoring.unit(self._entity(tail)))

    @tf.function(jit_compile=True)
    def score_tails(self, head, relation) -> tf.Tensor:
        """(h, r, ?): [batch] int32 each -> [batch, num_entities] float32."""
        question = self.scoring.question(self._entity(head), self._relation(relation), heads=False)
        return self.scoring.against_all(question, self._entities())

    @tf.function(jit_compile=True)
    def score_heads(self, relation, tail) -> tf.Tensor:
        """(?, r, t): [batch] int32 each -> [batch, num_entities] float32."""
        question = self.scoring.question(self._entity(tail), self._relation(relation), heads=True)
        return self.scoring.against_all(question, self._entities())

    def entity_vectors(self) -> np.ndarray:
        """[num_entities, dim] float32, of length 1 under `unit_entities`."""
        return self.scoring.unit(self._entities()).numpy()

    def relation_vectors(self) -> np.ndarray:
        """[num_relations, dim] float32; for rotate [num_relations, dim / 2] angles."""
        return self.relation_embedding.embeddings.numpy()

    def embedding_tables(self):
        tables = {"entities": self.entity_embedding, "relations": self.relation_embedding}
        if self.negatives == "generator":
            tables |= {
                "generator_entities": self.generator_entities,
                "generator_relations": self.generator_relations,
            }
        return tables

    def draw(self, inputs, tables):
        """Adds `heads` (whose head is exchanged) [batch, 1], `other` [batch, count] entities
        and which of them are `open`; for the generator its choice, `other` [batch, 1]."""
        head, relation, tail = (inputs[n][:, None] for n in ("head", "relation", "tail"))
        batch, seed = tf.shape(head)[0], inputs["seed"]
        heads = (tf.range(batch) % 2 == 1)[:, None]
        other = samplers.random_items([batch, self.count], seed, self.graph.num_entities)
        is_open = ~self._known.known(
            tf.where(heads, other, head),
            tf.broadcast_to(relation, tf.shape(other)),
            tf.where(heads, tail, other),
        )
        found = {
            **inputs,
            "weight": tf.where(tf.reduce_any(is_open, 1), inputs["weight"], 0.0),
            "heads": heads,
            "other": other,
            "open": is_open,
        }
        if self.negatives != "generator":
            return found
        kept = tf.where(heads, tail, head)[:, 0]
        entities, relations = tables["generator_entities"], tables["generator_relations"]
        logits = _generator_logits(
            tf.gather(entities, kept),
            tf.gather(relations, inputs["relation"]),
            tf.gather(entities, other),
        )
        noise = random_floats(tf.shape(logits), seed + [0, 2], low=1e-7)
        logits -= tf.math.log(-tf.math.log(noise))  # Gumbel: a draw from the softmax
        chosen = tf.argmax(tf.where(is_open, logits, -np.inf), 1, output_type=tf.int32)
        return {
            **found,
            "kept": kept,
            "candidates": other,
            "chosen": chosen,
            "other": tf.gather(other, chosen[:, None], batch_dims=1),
        }

    def lookups(self, inputs):
        found = {
            "head": ("entities", inputs["head"]),
            "relation": ("relations", inputs["relation"]),
            "tail": ("entities", inputs["tail"]),
            "other": ("entities", inputs["other"]),
        }
        if self.negatives == "generator":
            found["generator_kept"] = ("generator_entities", inputs["kept"])
            found["generator_relation"] = ("generator_relations", inputs["relation"])
            found["generator_other"] = ("generator_entities", inputs["candidates"])
        return found

    def row_losses(self, rows, inputs):
        """[batch] of the loss, plus l2."""
        head, relation, tail = rows["head"], rows["relation"], rows["tail"]
        by_head = self.scoring.question(head, relation, heads=False)
        question = tf.where(
            inputs["heads"], self.scoring.question(tail, relation, heads=True), by_head
        )
        true = self.scoring.compare(by_head, self.scoring.unit(tail))[:, None]
        false = self.scoring.compare(question[:, None, :], self.scoring.unit(rows["other"]))
        if self.loss_name == "logistic":
            costs = tf.nn.softplus(self.margin + false)
        else:
            costs = tf.nn.relu(self.margin - true + false)
        if self.negatives == "generator":
            row_losses = costs[:, 0]
        else:
            # At hardness 0 the softmax is the same for every open one.
            logits = tf.where(inputs["open"], self.hardness * false, -np.inf)
            weights = tf.nn.softmax(
                tf.where(tf.reduce_any(inputs["open"], 1)[:, None], logits, 0.0)
            )
            row_losses = tf.reduce_sum(tf.stop_gradient(weights) * costs, 1)
        if self.loss_name == "logistic":
            row_losses += tf.nn.softplus(-(self.margin + true[:, 0]))
        if self.negatives == "generator":
            row_losses += self._generator_term(rows, inputs, row_losses)
        if self.l2:
            squares = tf.reduce_sum(tf.square(head) + tf.square(tail), -1)
            if self.scoring.name != "rotate":
                squares += tf.reduce_sum(tf.square(relation), -1)
            row_losses += self.l2 * squares
        return row_losses

    def _generator_term(self, rows, inputs, row_losses):
        """[batch] of zeros whose gradient is the generator's policy gradient."""
        logits = _generator_logits(
            rows["generator_kept"], rows["generator_relation"], rows["generator_other"]
        )
        log_p = tf.nn.log_softmax(tf.where(inputs["open"], logits, -1e9), 1)
        log_p = tf.gather(log_p, inputs["chosen"], batch_dims=1)
        advantage = tf.stop_gradient(row_losses - tf.reduce_mean(row_losses))
        return -advantage * (log_p - tf.stop_gradient(log_p))

    def _entities(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.entity_embedding.embeddings)

    def _entity(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.entity_embedding.embeddings, index)

    def _relation(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.relation_embedding.embeddings, index)


def _generator_logits(kept, relation, other):
    """[batch, dim], [batch, dim], [batch, n, dim] -> [batch, n]: a DistMult's scores."""
    return tf.reduce_sum((kept * relation)[:, None, :] * other, -1)
