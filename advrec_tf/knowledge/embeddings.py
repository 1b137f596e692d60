"""Knowledge graph embeddings: vectors of entities and relations that score facts.

A fact (head, relation, tail) is told from corrupted ones, whose head or tail is another
entity. The corrupted ones are weighed evenly, or adversarially: by the model's own scores, or
by a generator that picks the one the model confuses most. Given blocks of batches it trains in
compiled steps (see `models.factorization.sparse_model`). How facts are scored is in
`knowledge.scores`; link prediction is left to `knowledge.link_prediction`.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.knowledge.known_triples import KnownTriples
from advrec_tf.knowledge.scores import RotatE, TransE, TripleScore
from advrec_tf.models.factorization.negatives import Generator
from advrec_tf.models.factorization.samplers import new_table, policy_gradient
from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.ops.random import gumbel_choice, random_indices, stream


@dataclasses.dataclass(frozen=True)
class Logistic:
    """softplus(-(margin + s)) + sum_j w_j softplus(margin + s'_j), in nats (Sun et al. 2019,
    eq. 6, without their halving).

    Attributes:
        margin: >= 0.

    Raises:
        ValueError: if `margin` is negative.
    """

    margin: float = 1.0

    def __post_init__(self):
        if not self.margin >= 0:
            raise ValueError(f"`margin` of Logistic should be >= 0. Received: {self.margin!r}.")

    def of_corrupted(self, true: tf.Tensor, corrupted: tf.Tensor) -> tf.Tensor:
        """Scores of facts [batch, 1] and of their corrupted ones [batch, n] -> [batch, n]."""
        return tf.nn.softplus(self.margin + corrupted)

    def of_true(self, true: tf.Tensor) -> tf.Tensor:
        """Scores of facts [batch] -> [batch]."""
        return tf.nn.softplus(-(self.margin + true))


@dataclasses.dataclass(frozen=True)
class Margin:
    """sum_j w_j max(0, margin - s + s'_j) (Bordes et al. 2013, eq. 1).

    Attributes:
        margin: > 0.

    Raises:
        ValueError: if `margin` is not positive.
    """

    margin: float = 1.0

    def __post_init__(self):
        if not self.margin > 0:
            raise ValueError(f"`margin` of Margin should be > 0. Received: {self.margin!r}.")

    def of_corrupted(self, true: tf.Tensor, corrupted: tf.Tensor) -> tf.Tensor:
        """Scores of facts [batch, 1] and of their corrupted ones [batch, n] -> [batch, n]."""
        return tf.nn.relu(self.margin - true + corrupted)

    def of_true(self, true: tf.Tensor) -> tf.Tensor:
        """Scores of facts [batch] -> [batch] of zeros: the margin has counted them."""
        return tf.zeros_like(true)


@dataclasses.dataclass(frozen=True)
class Corruptions:
    """Facts whose head or tail is a uniform entity, all of them weighed.

    Attributes:
        candidates: corrupted facts a fact, >= 1.
        hardness: >= 0; the weights are softmax(hardness * s'), constants to the gradient. 0 weighs
            all alike, above it is the self-adversarial sampling of Sun et al. 2019, eq. 5.

    Raises:
        ValueError: if a number is out of range.
    """

    candidates: int = 8
    hardness: float = 0.0

    def __post_init__(self):
        if self.candidates < 1:
            raise ValueError(f"`candidates` should be >= 1. Received: {self.candidates!r}.")
        if not self.hardness >= 0:
            raise ValueError(f"`hardness` should be >= 0. Received: {self.hardness!r}.")


class KnowledgeEmbedding(SparseEmbeddingModel):
    """Vectors that score facts (h, r, t) as `score` says, trained to score true ones high.

    Trained on batches of `data.batches.of_triples`. Of a batch every other fact, beginning
    with the first, has its tail exchanged for uniform entities, the rest their head. A corrupted
    fact that the graph knows is left out; a fact without any other gets weight 0. The objective
    compares the score s of the fact with those of the corrupted ones, s'_j, under weights
    w_j >= 0 that sum to 1 and are given by `negatives`:

        Corruptions   softmax(hardness * s')
        Generator     1 for one of them, which a second embedding, a DistMult, draws by the softmax
                      of its scores. It follows the policy gradient of the fact's loss, less the
                      batch's mean (Cai & Wang 2018, arXiv:1711.04071, whose reward is s')

        KnowledgeEmbedding(graph, score=RotatE(), negatives=Corruptions(16, hardness=0.5))

    Args:
        graph: the training facts.
        dim: length of an entity's vector, >= 1; even for `RotatE`.
        score: of a fact.
        objective: `Logistic` or `Margin`.
        negatives: `Corruptions`, or a `Generator` of `models.factorization.negatives`.
        l2: factor of the squared norm of a fact's vectors (entities' alone for `RotatE`), >= 0.
        initial_scale: standard deviation of the initial vectors; angles are uniform.
        seed: of the initial vectors.

    Raises:
        ValueError: if an argument is out of range.
    """

    attackable = ("head", "relation", "tail", "negative")

    def __init__(
        self,
        graph: KnowledgeGraph,
        *,
        dim: int = 64,
        score: TripleScore = TransE(),
        objective: Logistic | Margin = Logistic(),
        negatives: Corruptions | Generator = Corruptions(),
        l2: float = 0.0,
        initial_scale: float = 0.1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dim < 1 or not l2 >= 0:
            raise ValueError(f"`dim` should be >= 1 and `l2` >= 0. Received: {dim!r}, {l2!r}.")
        if not len(graph):
            raise ValueError("`graph` should hold a triple. Received none.")
        rotates = isinstance(score, RotatE)
        if rotates and dim % 2:
            raise ValueError(f"`dim` should be even for RotatE. Received: {dim!r}.")
        self.graph = graph
        self.scoring = score
        self.objective = objective
        self.negatives = negatives
        self.l2 = l2
        self._known = KnownTriples(graph)

        def normal(size, width, name, seed, scale=initial_scale):
            return new_table(size, width, keras.initializers.RandomNormal(0.0, scale, seed), name)

        entities, relations = graph.num_entities, graph.num_relations
        self.entity_embedding = normal(entities, dim, "entity_embedding", 2 * seed)
        if rotates:
            angles = keras.initializers.RandomUniform(-math.pi, math.pi, 2 * seed + 1)
            self.relation_embedding = new_table(relations, dim // 2, angles, "relation_embedding")
        else:
            self.relation_embedding = normal(relations, dim, "relation_embedding", 2 * seed + 1)
        self.generates = isinstance(negatives, Generator)
        if self.generates:
            width, scale = negatives.dim, negatives.initial_scale
            self.generator_entities = normal(
                entities, width, "generator_entities", 2 * seed + 101, scale
            )
            self.generator_relations = normal(
                relations, width, "generator_relations", 2 * seed + 102, scale
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
        """[num_relations, dim] float32; for `RotatE` [num_relations, dim / 2] angles."""
        return self.relation_embedding.embeddings.numpy()

    def embedding_tables(self):
        tables = {"entities": self.entity_embedding, "relations": self.relation_embedding}
        if self.generates:
            tables |= {
                "generator_entities": self.generator_entities,
                "generator_relations": self.generator_relations,
            }
        return tables

    def draw(self, inputs, tables):
        """Adds `heads` [batch, 1], whose head is exchanged, `negative` [batch, candidates], the
        entities in its place, and which of them are `open`; for a generator its choice, `negative`
        [batch, 1]."""
        head, relation, tail = (inputs[n][:, None] for n in ("head", "relation", "tail"))
        batch, seed = tf.shape(head)[0], inputs["seed"]
        heads = (tf.range(batch) % 2 == 1)[:, None]
        shape = [batch, self.negatives.candidates]
        negative = random_indices(shape, seed, self.graph.num_entities)
        is_open = ~self._known.known(
            tf.where(heads, negative, head),
            tf.broadcast_to(relation, tf.shape(negative)),
            tf.where(heads, tail, negative),
        )
        found = {
            **inputs,
            "weight": tf.where(tf.reduce_any(is_open, 1), inputs["weight"], 0.0),
            "heads": heads,
            "negative": negative,
            "open": is_open,
        }
        if not self.generates:
            return found
        kept = tf.where(heads, tail, head)[:, 0]
        entities, relations = tables["generator_entities"], tables["generator_relations"]
        logits = _generator_logits(
            tf.gather(entities, kept),
            tf.gather(relations, inputs["relation"]),
            tf.gather(entities, negative),
        )
        chosen = gumbel_choice(logits, is_open, stream(seed, "generator's choice"))
        return {
            **found,
            "kept": kept,
            "candidates": negative,
            "chosen": chosen,
            "negative": tf.gather(negative, chosen[:, None], batch_dims=1),
        }

    def lookups(self, inputs):
        found = {
            "head": ("entities", inputs["head"]),
            "relation": ("relations", inputs["relation"]),
            "tail": ("entities", inputs["tail"]),
            "negative": ("entities", inputs["negative"]),
        }
        if self.generates:
            found["generator_kept"] = ("generator_entities", inputs["kept"])
            found["generator_relation"] = ("generator_relations", inputs["relation"])
            found["generator_other"] = ("generator_entities", inputs["candidates"])
        return found

    def row_losses(self, rows, inputs):
        """[batch] of the objective, plus l2."""
        head, relation, tail = rows["head"], rows["relation"], rows["tail"]
        by_head = self.scoring.question(head, relation, heads=False)
        question = tf.where(
            inputs["heads"], self.scoring.question(tail, relation, heads=True), by_head
        )
        true = self.scoring.compare(by_head, self.scoring.unit(tail))[:, None]
        corrupted = self.scoring.compare(question[:, None, :], self.scoring.unit(rows["negative"]))
        costs = self.objective.of_corrupted(true, corrupted)
        if self.generates:
            values = costs[:, 0]
        else:
            logits = tf.where(inputs["open"], self.negatives.hardness * corrupted, -np.inf)
            weights = tf.nn.softmax(
                tf.where(tf.reduce_any(inputs["open"], 1)[:, None], logits, 0.0)
            )
            values = tf.reduce_sum(tf.stop_gradient(weights) * costs, 1)
        values += self.objective.of_true(true[:, 0])
        if self.generates:
            logits = _generator_logits(
                rows["generator_kept"], rows["generator_relation"], rows["generator_other"]
            )
            values += policy_gradient(logits, inputs["open"], inputs["chosen"], values)
        if self.l2:
            squares = tf.reduce_sum(tf.square(head) + tf.square(tail), -1)
            if not isinstance(self.scoring, RotatE):
                squares += tf.reduce_sum(tf.square(relation), -1)
            values += self.l2 * squares
        return values

    def _entities(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.entity_embedding.embeddings)

    def _entity(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.entity_embedding.embeddings, index)

    def _relation(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.relation_embedding.embeddings, index)


def _generator_logits(kept, relation, other):
    """[batch, dim], [batch, dim], [batch, n, dim] -> [batch, n]: a DistMult's scores."""
    return tf.reduce_sum((kept * relation)[:, None, :] * other, -1)
