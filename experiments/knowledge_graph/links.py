"""Link prediction: every score with every kind of corrupted facts, beside a count of the facts.

Facts are held out at random, a part to choose settings by and a part for the table. An entry is a
score (TransE, DistMult) with a source of corrupted facts (uniform, self-adversarial, a
generator); its setting is chosen on validation with a seed of its own. `CountedFacts` knows
nothing of an entity but how often it stands in a relation: the popularity of link prediction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.knowledge.embeddings import Corruptions, KnowledgeEmbedding, Logistic
from advrec_tf.knowledge.link_prediction import LinkPredictionEvaluator
from advrec_tf.knowledge.scores import DistMult, TransE
from advrec_tf.models.factorization.negatives import Generator
from advrec_tf.pipelines.stages import StageStore
from experiments.harness.compare import compare
from experiments.harness.entries import Entry, Task, Trained
from experiments.harness.results import Result
from experiments.harness.sweep import Study, sweep

SPACES = {"transe": {"margin": (4.0, 8.0, 2.0)}, "distmult": {"l2": (1e-3, 1e-2, 0.0)}}
NEGATIVES = ("uniform", "self_adversarial", "generator")
METRICS = ("mrr", "hits@1", "hits@3", "hits@10", "mean_rank")
WITHOUT_COUNTERPARTS = ("mrr without counterparts", "hits@10 without counterparts")
COUNT = "count of the facts"
HELD_OUT, CHOOSING_SEED, DIM, NUM_NEGATIVES, BATCH = 0.2, 100, 64, 16, 512


class CountedFacts:
    """(h, r, ?) is answered by how often an entity is the tail of r, and (?, r, t) by how often it
    is the head; a `TripleScorer` of `knowledge.link_prediction`."""

    def __init__(self, graph: KnowledgeGraph):
        shape = (graph.num_relations, graph.num_entities)
        self._counts = {}
        for side, ends in (("head", graph.heads), ("tail", graph.tails)):
            counts = np.zeros(shape, np.float32)
            np.add.at(counts, (graph.relations, ends), 1.0)
            self._counts[side] = tf.constant(counts)

    def score_tails(self, head: tf.Tensor, relation: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._counts["tail"], relation)

    def score_heads(self, relation: tf.Tensor, tail: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._counts["head"], relation)


def counterparts(train: KnowledgeGraph, test: KnowledgeGraph) -> np.ndarray:
    """[test facts] bool: the two ends stand together in a training fact, of another relation or
    the other way round. Such a fact can be looked up (Toutanova and Chen 2015)."""
    known = {
        frozenset(ends) for ends in zip(train.heads.tolist(), train.tails.tolist(), strict=True)
    }
    ends = zip(test.heads.tolist(), test.tails.tolist(), strict=True)
    return np.array([frozenset(pair) in known for pair in ends], bool)


def build_embedding(
    graph: KnowledgeGraph, score: str, negatives: str, settings: dict, seed: int
) -> KnowledgeEmbedding:
    """Settings are a point of the score's space, see `SPACES`."""
    return KnowledgeEmbedding(
        graph,
        dim=DIM,
        score={"transe": TransE(), "distmult": DistMult()}[score],
        objective=Logistic(settings.get("margin", 0.0)),
        negatives={
            "uniform": Corruptions(NUM_NEGATIVES),
            "self_adversarial": Corruptions(NUM_NEGATIVES, hardness=0.5),
            "generator": Generator(NUM_NEGATIVES),
        }[negatives],
        l2=settings.get("l2", 0.0),
        seed=seed,
    )


def fit_embedding(model: KnowledgeEmbedding, graph: KnowledgeGraph, epochs: int, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1, initial_accumulator_value=1e-8))
    data = batches.in_blocks(batches.of_triples(graph, batch_size=BATCH, seed=seed))
    model.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=epochs, verbose=0)


@dataclasses.dataclass(frozen=True, eq=False)
class LinkSetting:
    """Facts to train on, and those that models are measured on; the same for every seed.

    Attributes:
        train, validation, test: parts of the graph's facts.
        looked_up: [test facts] bool, see `counterparts`.
    """

    train: KnowledgeGraph
    validation: KnowledgeGraph
    test: KnowledgeGraph
    looked_up: np.ndarray

    @classmethod
    def of(cls, graph: KnowledgeGraph) -> LinkSetting:
        train, held = graph.hold_out(HELD_OUT, seed=0)
        validation, test = held.hold_out(0.5, seed=1)
        return cls(train, validation, test, counterparts(train, test))

    def measure(self, model, *, tests: bool = True) -> Result:
        """Metrics of the test facts, or those of validation that settings are chosen by."""
        if not tests:
            found = LinkPredictionEvaluator(self.train, self.validation).evaluate(model)
            return Result({"validation": found.metrics})
        evaluator = LinkPredictionEvaluator(self.train, self.test, also_known=self.validation)
        found = evaluator.evaluate(model)
        ranks = found.ranks[~self.looked_up]
        others = (np.mean(1.0 / ranks), np.mean(ranks <= 10)) if len(ranks) else (np.nan, np.nan)
        metrics = {name: found.metrics[name] for name in METRICS}
        metrics |= dict(zip(WITHOUT_COUNTERPARTS, map(float, others), strict=True))
        return Result({"test": metrics})


def _entry(score: str, negatives: str) -> Entry:
    def train(task: Task) -> Trained:
        graph, epochs = task.setting.train, task.context
        model = build_embedding(graph, score, negatives, dict(task.settings), task.seed)
        fit_embedding(model, graph, epochs, task.seed)
        return Trained(model, epochs)

    return Entry(train=train, space=SPACES[score])


def entries() -> dict[str, Entry]:
    return {
        COUNT: Entry(train=lambda task: CountedFacts(task.setting.train), seeded=False),
        **{f"{score}, {kind}": _entry(score, kind) for score in SPACES for kind in NEGATIVES},
    }


def predict_links(
    graph: KnowledgeGraph,
    store: StageStore,
    *,
    seeds: int,
    epochs: int,
    log: Callable[[str], None] = print,
) -> dict:
    """All entries; a report as JSON values.

    Args:
        graph: all facts; a fifth is held out, half of it to choose by.
        seeds: trainings of an entry.
        epochs: of a training.
    """
    setting = LinkSetting.of(graph)
    study = Study(
        name="links",
        entries=entries(),
        setting=lambda seed: setting,
        context=epochs,
        monitor="mrr",
        choosing_seed=CHOOSING_SEED,
    )
    facts = {name: len(getattr(setting, name)) for name in ("train", "validation", "test")}
    return {
        "facts": facts,
        "counterparts": float(setting.looked_up.mean()),
        "entities": graph.num_entities,
        "relations": graph.num_relations,
        "entries": compare(study, sweep(study, store, seeds=range(seeds), log=log)),
    }
