"""The served multi-task model: lists by retrieval, and ratings of the candidates by its head."""

from __future__ import annotations

import dataclasses

from advrec_tf.serving.module import Case, ServedModule
from advrec_tf.serving.ranking import ServedRanking
from advrec_tf.serving.recommender import ServedRecommender

_OF_RANKING = {"rank": "rank", "rate": "score"}
"""Signature -> that of `ServedRanking`."""


class ServedMultiTask(ServedModule):
    """The signatures of `ServedRecommender`, and of a user, items and the columns of the context

    rate  as `score` of `ServedRanking`: the rating of each pair
    rank  as `rank` of `ServedRanking`: candidates in the order of their ratings

    Args:
        lists: retrieval.
        ranking: the head of ratings, of the same data.
    """

    def __init__(self, lists: ServedRecommender, ranking: ServedRanking):
        super().__init__(name="served_multi_task")
        self.lists, self.ranking = lists, ranking
        self.max_batch = lists.max_batch

    def method(self, name):
        if name in _OF_RANKING:
            return getattr(self.ranking, _OF_RANKING[name])
        return getattr(self.lists, name)

    def largest(self, name):
        if name in _OF_RANKING:
            return self.ranking.largest(_OF_RANKING[name])
        return self.lists.largest(name)

    def inputs(self):
        return {**self.lists.inputs(), **_renamed(self.ranking.inputs())}

    def cases(self) -> list[Case]:
        names = {theirs: ours for ours, theirs in _OF_RANKING.items()}
        rated = [
            dataclasses.replace(case, signature=names[case.signature])
            for case in self.ranking.cases()
            if case.signature in names
        ]
        return [*self.lists.cases(), *rated]

    def warmup(self):
        return {**self.lists.warmup(), **_renamed(self.ranking.warmup())}

    def notes(self):
        of_ranking = self.ranking.notes()
        kind = f"{self.lists.notes()['kind']}, {of_ranking['kind']}"
        return {**self.lists.notes(), "kind": kind, "context": of_ranking["context"]}

    def assets(self):
        return self.lists.assets()


def _renamed(of_ranking: dict) -> dict:
    return {ours: of_ranking[theirs] for ours, theirs in _OF_RANKING.items()}
