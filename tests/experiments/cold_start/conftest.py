"""The world and the tasks that the tests of the cold-start study share."""

import numpy as np
import pytest

from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.models.content.modalities import Modality
from experiments.cold_start.content import Content
from experiments.cold_start.study import make_setting
from experiments.cold_start.training import Context
from experiments.harness.entries import Task
from tests.worlds import interactions_of


@pytest.fixture(scope="session")
def cold_content():
    """80 users and 60 items of two kinds; who is of a kind takes items of that kind."""
    rng = np.random.default_rng(0)
    kinds = np.arange(60) % 2
    pairs = [
        (user, item)
        for user in range(80)
        for item in rng.choice(np.flatnonzero(kinds == user % 2), 14, replace=False)
    ]
    data = interactions_of(pairs, 80, 60)
    vectors = np.eye(2, 6)[kinds] + 0.2 * rng.normal(size=[60, 6])
    graph = KnowledgeGraph.from_triples(
        [(str(i), "kind", f"kind {kinds[i]}") for i in range(60)],
        items=data.items,
        entity_of={i: str(i) for i in range(60)},
    )
    return Content(
        interactions=data,
        texts=np.array([f"text {i}" for i in range(60)], object),
        text=Modality(name="text", vectors=vectors),
        attributes=Modality(name="attributes", vectors=np.eye(2)[kinds]),
        user_attributes=Modality(name="user_attributes", vectors=np.eye(2)[np.arange(80) % 2]),
        graph=graph.with_items_first(),
        notes={"items": 60},
    )


@pytest.fixture(scope="session")
def make_task(cold_content):
    """(scenario, content, epochs) -> the task of seed 0 in that scenario."""

    def make(scenario, content=cold_content, *, epochs=2, **settings):
        setting, content = make_setting(scenario, content)
        context = Context(content=content, epochs=epochs)
        return Task(setting=setting, settings=settings, context=context, log=lambda line: None)

    return make
