"""Filtered link prediction: the ranks of the tail and the head of every held-out fact.

All entities answer (h, r, ?) and (?, r, t); the other answers that the data knows, from
training or from the held-out facts, are masked (Bordes et al. 2013, "filtered"). One compiled
function masks and ranks a block of questions. Over both sides of all facts:

    mrr        mean of 1 / rank            mean_rank  mean of the rank, 1 is best
    hits@k     fraction of ranks <= k

and the same by side, as `head_mrr` or `tail_hits@10`. Ties count against the fact: an
unmasked entity with the same score ranks before it, so that constant scores give the worst rank
(Sun et al. 2020, arXiv:1911.03903).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import UserItems
from advrec_tf.data.knowledge_graph import KnowledgeGraph

_BLOCK_CELLS = 2**20
SIDES = ("head", "tail")


class TripleScorer(Protocol):
    """The interface of a model that is evaluated, such as `embeddings.KnowledgeEmbedding`."""

    def score_tails(self, head: tf.Tensor, relation: tf.Tensor) -> tf.Tensor: ...

    def score_heads(self, relation: tf.Tensor, tail: tf.Tensor) -> tf.Tensor: ...


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LinkPredictionResult:
    """Metrics of one model on one set of facts.

    Attributes:
        metrics: name -> mean over both sides of all facts, and by side.
        ranks: [facts, 2] int64 of head and tail, 1 is best, in the order of the test graph.
        facts_per_second: evaluation speed of this call, both sides of a fact being one.
    """

    metrics: dict[str, float]
    ranks: np.ndarray
    facts_per_second: float


class LinkPredictionEvaluator:
    """Ranks head and tail of every test fact among all entities.

    Args:
        train: facts masked as known; its vocabularies are those of `test`.
        test: facts to be found. Those also in `train` or `also_known` are refused.
        also_known: more facts to mask (at test time the validation facts).
        ks: cut-offs of the hits, each >= 1.

    Raises:
        ValueError: if a cut-off is not positive, `test` is empty, a test fact is masked, or
            the graphs' vocabularies differ in size.
    """

    def __init__(
        self,
        train: KnowledgeGraph,
        test: KnowledgeGraph,
        *,
        also_known: KnowledgeGraph | None = None,
        ks: Sequence[int] = (1, 3, 10),
    ):
        if not ks or min(ks) < 1:
            raise ValueError(f"`ks` should hold cut-offs >= 1. Received: {tuple(ks)!r}.")
        if not len(test):
            raise ValueError("`test` should hold a fact. Received none.")
        graphs = {"train": train, "test": test}
        if also_known is not None:
            graphs["also_known"] = also_known
        sizes = (train.num_entities, train.num_relations)
        for name, graph in graphs.items():
            if (graph.num_entities, graph.num_relations) != sizes:
                raise ValueError(
                    f"`{name}` should have the {sizes[0]} entities and {sizes[1]} relations of "
                    f"`train`. Received {graph.num_entities} and {graph.num_relations}."
                )
        self.ks = tuple(sorted(ks))
        self.num_entities = train.num_entities
        columns = {name: _columns(graph) for name, graph in graphs.items()}
        masked = np.concatenate([c for name, c in columns.items() if name != "test"])
        both = _facts_in(columns["test"], masked)
        if both.any():
            head, relation, tail = columns["test"][both][0]
            raise ValueError(
                f"`test` should hold no fact that is masked as known. Received {both.sum()}, "
                f"among them ({train.entities.ids[head]!r}, {train.relation_names.ids[relation]!r}"
                f", {train.entities.ids[tail]!r})."
            )
        self._test = columns["test"]
        known = np.concatenate([masked, self._test])
        self._answers = {
            side: _answers(self._test, known, asked, self.num_entities)
            for side, asked in zip(SIDES, (0, 2), strict=True)
        }
        self._block = int(np.clip(_BLOCK_CELLS // self.num_entities, 1, len(self._test)))
        # Compiled once an evaluator, whatever the number of models it measures.
        shapes = [tf.TensorSpec([None, self.num_entities], tf.float32)]
        shapes += [tf.TensorSpec([None], tf.int32)] * 2
        self._ranks = {
            side: tf.function(_ranker(histories), shapes).get_concrete_function()
            for side, (histories, _) in self._answers.items()
        }

    def evaluate(self, model: TripleScorer) -> LinkPredictionResult:
        """Rank with `model.score_heads` and `model.score_tails`, and average.

        Raises:
            ValueError: if a score is not finite, or the scores have the wrong shape.
        """
        started = time.perf_counter()
        count = len(self._test)
        found: dict[str, list] = {side: [] for side in SIDES}
        for start in range(0, count, self._block):
            # The last block is filled up, so that one shape is compiled.
            facts = np.arange(start, start + self._block) % count
            head, relation, tail = (tf.constant(column) for column in self._test[facts].T)
            for side in SIDES:
                if side == "head":
                    scores, target = model.score_heads(relation, tail), head
                else:
                    scores, target = model.score_tails(head, relation), tail
                scores = self._checked(model, side, scores)
                question = tf.constant(self._answers[side][1][facts])
                found[side].append(self._ranks[side](scores, question, target))
        ranks = np.stack([np.concatenate(found[side])[:count] for side in SIDES], 1)
        seconds = time.perf_counter() - started
        metrics = self._metrics(ranks.reshape(-1), "")
        for column, side in enumerate(SIDES):
            metrics |= self._metrics(ranks[:, column], f"{side}_")
        return LinkPredictionResult(metrics=metrics, ranks=ranks, facts_per_second=count / seconds)

    def _checked(self, model, side: str, scores) -> tf.Tensor:
        scores = tf.cast(tf.convert_to_tensor(scores), tf.float32)
        name = f"`score_{side}s` of {type(model).__name__}"
        if scores.shape != (self._block, self.num_entities):
            raise ValueError(
                f"{name} should return [{self._block}, {self.num_entities}]. "
                f"Received: {scores.shape}."
            )
        broken = int(tf.math.count_nonzero(~tf.math.is_finite(scores)))
        if broken:
            raise ValueError(f"{name} should be finite. Received {broken} scores that are not.")
        return scores

    def _metrics(self, ranks: np.ndarray, prefix: str) -> dict[str, float]:
        metrics = {f"{prefix}mrr": float((1.0 / ranks).mean())}
        metrics |= {f"{prefix}hits@{k}": float((ranks <= k).mean()) for k in self.ks}
        return metrics | {f"{prefix}mean_rank": float(ranks.mean())}


def _ranker(histories: Histories):
    def ranks(scores: tf.Tensor, question: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """[block, entities], [block] and [block] -> [block] int64, 1 is best."""
        own = tf.gather(scores, target, batch_dims=1)
        known = histories.pairs(question)  # the target among them
        gone = tf.fill(tf.shape(known)[:1], np.float32(-np.inf))
        scores = tf.tensor_scatter_nd_update(scores, known, gone)
        return 1 + tf.math.count_nonzero(scores >= own[:, None], axis=1)

    return ranks


def _columns(graph: KnowledgeGraph) -> np.ndarray:
    """[facts, 3] int32: head, relation, tail."""
    return np.stack([graph.heads, graph.relations, graph.tails], 1).astype(np.int32)


def _codes(*parts: np.ndarray) -> list[np.ndarray]:
    """Facts or parts of facts [n, parts] of several arrays -> their codes, equal where they are."""
    _, codes = np.unique(np.concatenate(parts), axis=0, return_inverse=True)
    return np.split(codes.reshape(-1), np.cumsum([len(part) for part in parts])[:-1])


def _facts_in(facts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[facts] bool: whether the fact is among the others."""
    own, there = _codes(facts, others)
    return np.isin(own, there)


def _answers(test, known, asked: int, num_entities: int) -> tuple[Histories, np.ndarray]:
    """Known answers of each question of the test facts, and [facts] int32 the question of each.

    `asked` is the column that is asked for: 0 or 2.
    """
    given = [column for column in range(3) if column != asked]
    questions, of_known = _codes(test[:, given], known[:, given])
    distinct, question = np.unique(questions, return_inverse=True)
    kept = np.isin(of_known, distinct)
    index = np.searchsorted(distinct, of_known[kept]).astype(np.int64)
    keys = np.unique(index * num_entities + known[kept, asked])
    index, answers = np.divmod(keys, num_entities)
    splits = np.zeros(len(distinct) + 1, np.int64)
    np.cumsum(np.bincount(index, minlength=len(distinct)), out=splits[1:])
    lists = UserItems(items=answers.astype(np.int32), row_splits=splits, num_items=num_entities)
    return Histories(lists), question.reshape(-1).astype(np.int32)
