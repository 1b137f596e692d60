"""Link prediction: every score with every kind of corrupted facts, beside a count of the facts.

Facts are held out at random, a share for choosing settings and a share for the table. A cell
is a score (TransE, DistMult) with a source of corrupted facts (even, self-adversarial, a
generator); its setting is chosen on validation with a seed of its own. `CountedFacts` knows
nothing of an entity but how often it stands in a relation: the popularity of link prediction.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.knowledge.embeddings import KnowledgeEmbedding
from advrec_tf.knowledge.link_prediction import LinkPredictionEvaluator
from advrec_tf.pipelines.stages import StageResult, StageStore

SETTINGS = {"transe": ("margin", (4.0, 8.0, 2.0)), "distmult": ("l2", (1e-3, 1e-2, 0.0))}
NEGATIVES = ("uniform", "self_adversarial", "generator")
METRICS = ("mrr", "hits@1", "hits@3", "hits@10", "mean_rank")
WITHOUT_COUNTERPARTS = ("mrr without counterparts", "hits@10 without counterparts")
HELD_OUT, CHOOSING_SEED, DIM, COUNT, BATCH = 0.2, 100, 64, 16, 512


class CountedFacts:
    """(h, r, ?) is answered by how often an entity is the tail of r, (?, r, t) by how often it
    is the head: `evaluation.link_prediction.TripleScorer`."""

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
    the other way round: such a fact can be found by heart (Toutanova and Chen 2015)."""
    known = {
        frozenset(ends) for ends in zip(train.heads.tolist(), train.tails.tolist(), strict=True)
    }
    ends = zip(test.heads.tolist(), test.tails.tolist(), strict=True)
    return np.array([frozenset(pair) in known for pair in ends], bool)


def build_embedding(
    graph: KnowledgeGraph, score: str, negatives: str, point: float, seed: int
) -> KnowledgeEmbedding:
    """`point` is the value of the score's setting, see `SETTINGS`."""
    settings = {"margin": 0.0, SETTINGS[score][0]: point}
    return KnowledgeEmbedding(
        graph,
        dim=DIM,
        score=score,
        negatives=negatives,
        hardness=0.5 if negatives == "self_adversarial" else 0.0,
        count=COUNT,
        seed=seed,
        **settings,
    )


def fit_embedding(model: KnowledgeEmbedding, graph: KnowledgeGraph, epochs: int, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1, initial_accumulator_value=1e-8))
    data = batches.in_blocks(batches.of_triples(graph, batch_size=BATCH, seed=seed))
    model.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=epochs, verbose=0)


def predict_links(
    graph: KnowledgeGraph,
    store: StageStore,
    *,
    seeds: int,
    epochs: int,
    write: Callable[[str], None] = print,
) -> dict:
    """All cells; a report as JSON values.

    Args:
        graph: all facts; a fifth is held out, half of it for choosing.
        seeds: trainings of a cell.
        epochs: of a training.
    """
    train, held = graph.hold_out(HELD_OUT, seed=0)
    validation, test = held.hold_out(0.5, seed=1)
    validation_evaluator = LinkPredictionEvaluator(train, validation)
    final = LinkPredictionEvaluator(train, test, also_known=validation)

    def trained(score, negatives, point, seed):
        model = build_embedding(train, score, negatives, point, seed)
        fit_embedding(model, train, epochs, seed)
        return model

    by_heart = counterparts(train, test)

    def measured(model):
        result = final.evaluate(model)
        ranks = result.ranks[~by_heart]
        rest = (1.0 / ranks, ranks <= 10) if len(ranks) else (np.nan, np.nan)
        summary = {name: result.metrics[name] for name in METRICS}
        summary |= {
            name: float(np.mean(v)) for name, v in zip(WITHOUT_COUNTERPARTS, rest, strict=True)
        }
        return StageResult(summary, {})

    def cell(score, negatives):
        (setting, points), tried = SETTINGS[score], {}
        name = f"links-{score}-{negatives}"
        for point in points:
            found = store.run(
                f"{name}-choose-{point:g}",
                lambda _, point=point: StageResult(
                    validation_evaluator.evaluate(
                        trained(score, negatives, point, CHOOSING_SEED)
                    ).metrics,
                    {},
                ),
            )
            tried[point] = found.summary["mrr"]
        best = max(tried, key=tried.get)
        results = [
            store.run(
                f"{name}-{seed}",
                lambda _, seed=seed: measured(trained(score, negatives, best, seed)),
            )
            for seed in range(seeds)
        ]
        return _row(results, setting, best, tried)

    counted = store.run("links-counted", lambda _: measured(CountedFacts(train)))
    rows = {"count of the facts": _row([counted], None, None, {})}
    for score in SETTINGS:
        for negatives in NEGATIVES:
            row = rows[f"{score}, {negatives}"] = cell(score, negatives)
            write(f"links: {score}, {negatives:<18} mrr {row['mean']['mrr']:.4f}")
    return {
        "facts": {"train": len(train), "validation": len(validation), "test": len(test)},
        "counterparts": float(by_heart.mean()),
        "entities": graph.num_entities,
        "relations": graph.num_relations,
        "rows": rows,
    }


def _row(results: list[StageResult], setting, point, tried) -> dict:
    columns = {
        name: [result.summary[name] for result in results]
        for name in (*METRICS, *WITHOUT_COUNTERPARTS)
    }
    return {
        "seeds": len(results),
        "mean": {name: float(np.mean(values)) for name, values in columns.items()},
        "deviation": {name: float(np.std(values, ddof=1)) for name, values in columns.items()}
        if len(results) > 1
        else {},
        "setting": setting,
        "point": point,
        "tried": {f"{value:g}": found for value, found in tried.items()},
    }
