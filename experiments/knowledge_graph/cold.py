"""What facts do for items without interactions: a factorization alone, and tied to a graph.

All interactions of a fifth of the items that the graph knows are taken away. The factorization
without facts is the ablation of every entry with them; one more entry has the same facts, each
dealt to another item, which is noise of the same size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.evaluation.protocols import ColdItems, cold_items
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.knowledge.factorization import KnowledgeFactorization
from advrec_tf.models.base import CandidateSubset, Recommender
from advrec_tf.models.factorization.negatives import InBatch
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.pipelines.stages import StageStore
from advrec_tf.training import recipes
from advrec_tf.training.optimizers import LazyAdam
from experiments.harness.baselines import closed_form, random_ranking
from experiments.harness.compare import compare
from experiments.harness.entries import Entry, Task, Trained
from experiments.harness.settings import Setting
from experiments.harness.sweep import Study, sweep
from experiments.harness.training import fit
from experiments.knowledge_graph.links import CHOOSING_SEED, NEGATIVES, build_embedding

WEIGHTS = (1.0, 0.3)
ABLATION, CONTROL = "factorization", "with the facts of other items"
MARGIN, BATCH = 4.0, 1024


def with_dealt_facts(graph: KnowledgeGraph, *, seed: int) -> KnowledgeGraph:
    """The same graph with the items' entities dealt anew among the items that have one."""
    entity = graph.item_entity.copy()
    known = np.flatnonzero(entity >= 0)
    entity[known] = entity[np.random.default_rng(seed).permutation(known)]
    return dataclasses.replace(graph, item_entity=entity)


def known_to(graph: KnowledgeGraph, data: Interactions) -> tuple[Interactions, KnowledgeGraph]:
    """The interactions with items that have an entity, and the graph on those items alone."""
    known = data.select(graph.item_entity[data.item_index] >= 0).compacted()
    entity = graph.item_entity[data.items.index_of(known.items.ids)]
    return known, dataclasses.replace(graph, item_entity=entity)


def build_factorization(
    train: Interactions, graph: KnowledgeGraph, negatives: str, weight: float, seed: int
) -> KnowledgeFactorization:
    """Cosines of users and items, whose vectors are the first entities of a TransE.

    Candidates are the positives of the batch, so that an item without interactions is none of
    them.
    """
    return KnowledgeFactorization(
        train,
        build_embedding(graph, "transe", negatives, {"margin": MARGIN}, seed),
        weight=weight,
        objective=SampledSoftmax(InBatch(), temperature=0.12, cosine=True),
        seed=seed,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class ColdValidation:
    """An evaluator that ranks the cold items of validation alone."""

    cold: ColdItems

    def evaluate(self, model: Recommender):
        ranked = CandidateSubset(
            model=model, items=self.cold.validation_items, interactions=model.interactions
        )
        return RankingEvaluator(self.cold.train, self.cold.validation).evaluate(ranked)


def make_setting(cold: ColdItems, seed: int) -> Setting:
    """All items ranked, and the tested cold ones alone."""
    test = RankingEvaluator(cold.train, cold.test)
    return Setting(
        seed=seed,
        interactions=cold.train,
        tests={"all items": test, "cold items": test},
        candidates={"cold items": cold.test_items},
        validation=ColdValidation(cold),
        metrics=("ndcg@10", "hit_rate@10"),
    )


def _untrained(train: Callable[[Task], Recommender], **more) -> Entry:
    return Entry(train=lambda task: Trained(train(task), epochs=0), **more)


def _factorization(negatives: str = "uniform", *, dealt: bool = False, **links) -> Entry:
    def train(task: Task) -> Trained:
        facts, epochs = task.context
        weight = task.settings.get("weight", 0.0)
        model = build_factorization(task.interactions, facts[dealt], negatives, weight, task.seed)
        keras.utils.set_random_seed(task.seed)
        model.compile(optimizer=LazyAdam(1e-2))
        pairs = batches.of_pairs(task.interactions, batch_size=BATCH, seed=task.seed)
        return fit(task, model, batches.in_blocks(pairs), epochs=epochs, patience=4)

    return Entry(train=train, space={"weight": WEIGHTS} if links else {}, **links)


def entries() -> dict[str, Entry]:
    facts = {"ablation": ABLATION, "control": CONTROL}
    return {
        "random": _untrained(random_ranking()),
        "popularity": _untrained(closed_form(recipes.popularity), seeded=False),
        ABLATION: _factorization(),
        **{f"with facts, {kind}": _factorization(kind, **facts) for kind in NEGATIVES},
        CONTROL: _factorization("self_adversarial", dealt=True, ablation=ABLATION),
    }


def recommend_cold_items(
    data: Interactions,
    graph: KnowledgeGraph,
    store: StageStore,
    *,
    seeds: int,
    epochs: int,
    log: Callable[[str], None] = print,
) -> dict:
    """All entries; a report as JSON values. Items that the graph does not know are left out.

    Args:
        graph: on the items of `data`; items first or not.
        seeds: trainings of an entry.
        epochs: at most; the epoch is chosen on validation.

    Raises:
        ValueError: as `cold_items` does.
    """
    all_items = data.num_items
    data, graph = known_to(graph, data)
    cold = cold_items(data, seed=0)
    facts = {
        False: graph.with_items_first(),
        True: with_dealt_facts(graph, seed=0).with_items_first(),
    }
    study = Study(
        name="cold",
        entries=entries(),
        setting=lambda seed: make_setting(cold, seed),
        context=(facts, epochs),
        choosing_seed=CHOOSING_SEED,
    )
    found = sweep(study, store, seeds=range(seeds), log=log)
    compared = compare(study, found)
    for label, results in found.results.items():
        compared[label]["epochs"] = [result.details["epochs"] for result in results]
    return {
        "items": all_items,
        "items with an entity": data.num_items,
        "cold items": len(cold.items),
        "training interactions": len(cold.train),
        "entries": compared,
    }
