"""What facts do for items without a row: a factorization alone, and tied to a knowledge graph.

All rows of a fifth of the items that the graph knows are taken away (`protocols.cold_items`).
The factorization without facts is the ablation of every row with them; one more row has the same
facts, each dealt to another item, which is noise of the same size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.evaluation.protocols import ColdItems, cold_items
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.evaluation.significance import paired
from advrec_tf.knowledge.factorization import KnowledgeFactorization
from advrec_tf.models.base import CandidateSubset, MatrixRecommender, Recommender
from advrec_tf.models.baselines import Popularity
from advrec_tf.pipelines.stages import StageResult, StageStore, slug
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam
from experiments.knowledge_graph.links import CHOOSING_SEED, NEGATIVES, build_embedding

WEIGHTS = (1.0, 0.3)
MONITOR = "ndcg@10"
ABLATION = "factorization"
MARGIN, BATCH = 4.0, 1024
WITH_FACTS = {
    **{f"with facts, {kind}": (kind, False) for kind in NEGATIVES},
    "with the facts of other items": ("self_adversarial", True),
}


def with_dealt_facts(graph: KnowledgeGraph, *, seed: int) -> KnowledgeGraph:
    """The same graph with the items' entities dealt anew among the items that have one."""
    entity = graph.item_entity.copy()
    known = np.flatnonzero(entity >= 0)
    entity[known] = entity[np.random.default_rng(seed).permutation(known)]
    return dataclasses.replace(graph, item_entity=entity)


def known_to(graph: KnowledgeGraph, data: Interactions) -> tuple[Interactions, KnowledgeGraph]:
    """The rows of the items that have an entity, and the graph on those items alone."""
    rows = data.select(graph.item_entity[data.item_index] >= 0).compacted()
    entity = graph.item_entity[data.items.index_of(rows.items.ids)]
    return rows, dataclasses.replace(graph, item_entity=entity)


def build_factorization(
    train: Interactions, graph: KnowledgeGraph, negatives: str, weight: float, seed: int
) -> KnowledgeFactorization:
    """Cosines of users and items, whose vectors are the first entities of a TransE.

    Candidates are the positives of the batch, so that an item without rows is none of them.
    """
    knowledge = build_embedding(graph, "transe", negatives, MARGIN, seed)
    return KnowledgeFactorization(
        train,
        knowledge,
        weight=weight,
        loss="softmax",
        negatives="in_batch",
        cosine=True,
        temperature=0.12,
        seed=seed,
    )


def cold_rows(
    data: Interactions,
    graph: KnowledgeGraph,
    store: StageStore,
    *,
    seeds: int,
    epochs: int,
    write: Callable[[str], None] = print,
) -> dict:
    """All rows; a report as JSON values. Items that the graph does not know are left out.

    Args:
        graph: on the items of `data`; items first or not.
        seeds: trainings of a row.
        epochs: at most; the epoch is chosen on validation.

    Raises:
        ValueError: as `cold_items`.
    """
    all_items = data.num_items
    data, graph = known_to(graph, data)
    cold = cold_items(data, seed=0)
    measured = _Measure(cold)
    facts = {dealt: _items_first(graph, dealt) for dealt in (False, True)}

    def trained(label, weight, seed):
        negatives, dealt = WITH_FACTS.get(label, ("uniform", False))
        model = build_factorization(cold.train, facts[dealt], negatives, weight, seed)
        keras.utils.set_random_seed(seed)
        model.compile(optimizer=LazyAdam(1e-2))
        report = fit_ranked(
            model,
            batches.in_blocks(batches.of_pairs(cold.train, batch_size=BATCH, seed=seed)),
            epochs=epochs,
            evaluator=measured.validation,
            monitor=MONITOR,
            patience=4,
            label=f"{label} {seed}",
            write=write,
        )
        return model, report

    def final(label, weight, seed):
        model, report = trained(label, weight, seed)
        result = measured(model)
        result.summary["epochs"] = report.best_epoch
        return result

    def random(seed):
        shape = (data.num_users, data.num_items)
        scores = np.random.default_rng(seed).random(shape, np.float32)
        return measured(MatrixRecommender(scores=scores, interactions=cold.train))

    found = {
        "random": [store.run(f"cold-random-{s}", lambda _, s=s: random(s)) for s in range(seeds)],
        "popularity": [
            store.run("cold-popularity", lambda _: measured(Popularity().fit(cold.train)))
        ],
    }
    chosen: dict[str, tuple] = {}
    for label in (ABLATION, *WITH_FACTS):
        tried = {}
        for weight in () if label == ABLATION else WEIGHTS:
            result = store.run(
                f"cold-{slug(label)}-choose-{weight:g}",
                lambda _, w=weight, label=label: StageResult(
                    {"value": trained(label, w, CHOOSING_SEED)[1].best}, {}
                ),
            )
            tried[weight] = result.summary["value"]
        weight = max(tried, key=tried.get) if tried else 0.0
        chosen[label] = (weight, tried)
        found[label] = [
            store.run(
                f"cold-{slug(label)}-{seed}",
                lambda _, seed=seed, label=label, weight=weight: final(label, weight, seed),
            )
            for seed in range(seeds)
        ]
        values = [result.summary["cold items"][MONITOR] for result in found[label]]
        write(f"cold items: {label:<34} ndcg@10 among them {np.mean(values):.4f}")
    return {
        "items": all_items,
        "items with an entity": data.num_items,
        "cold items": len(cold.items),
        "training rows": len(cold.train),
        "rows": {label: _row(label, found, chosen) for label in found},
    }


class _Measure:
    """All items, and the tested cold ones alone; per-user NDCG@10 as arrays."""

    def __init__(self, cold: ColdItems):
        self.cold = cold
        self.validation = _Alone(
            RankingEvaluator(cold.train, cold.validation), cold.validation_items
        )
        self.test = RankingEvaluator(cold.train, cold.withheld)

    def __call__(self, model: Recommender) -> StageResult:
        ranked, train = model.frozen(), self.cold.train
        alone = CandidateSubset(model=ranked, items=self.cold.withheld_items, interactions=train)
        summary, arrays = {}, {}
        for name, recommender in (("all items", ranked), ("cold items", alone)):
            result = self.test.evaluate(recommender)
            summary[name] = {m: result.metrics[m] for m in (MONITOR, "hit_rate@10")}
            arrays[name] = result.per_user[MONITOR]
        return StageResult(summary, arrays)


@dataclasses.dataclass(frozen=True, eq=False)
class _Alone:
    """An evaluator that lets the given items alone be ranked."""

    evaluator: RankingEvaluator
    items: np.ndarray

    def evaluate(self, model: Recommender):
        train = model.interactions
        return self.evaluator.evaluate(
            CandidateSubset(model=model, items=self.items, interactions=train)
        )


def _row(label: str, found: dict, chosen: dict) -> dict:
    results = found[label]
    weight, tried = chosen.get(label, (None, {}))
    row = {
        "seeds": len(results),
        "weight": weight,
        "tried": {f"{value:g}": value_of for value, value_of in tried.items()},
        "epochs": [result.summary.get("epochs") for result in results],
    }
    for test in ("all items", "cold items"):
        columns = {
            name: [result.summary[test][name] for result in results]
            for name in (MONITOR, "hit_rate@10")
        }
        row[test] = {name: float(np.mean(values)) for name, values in columns.items()}
        if len(results) > 1:
            row[test]["deviation"] = float(np.std(columns[MONITOR], ddof=1))
        if label in WITH_FACTS:
            own, ablation = (
                np.mean([result.arrays[test] for result in found[one]], axis=0)
                for one in (label, ABLATION)
            )
            row[test]["against ablation"] = paired(own, ablation).as_dict()
    return row


def _items_first(graph: KnowledgeGraph, dealt: bool) -> KnowledgeGraph:
    return (with_dealt_facts(graph, seed=0) if dealt else graph).with_items_first()
