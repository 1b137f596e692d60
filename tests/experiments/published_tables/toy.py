"""A tiny world, its table and made-up models, for the tests of published tables."""

import dataclasses

import numpy as np

from advrec_tf.data import splits
from advrec_tf.models.base import MatrixRecommender
from experiments.harness.entries import Task, Trained
from experiments.harness.settings import Setting
from experiments.published_tables.choices import Choice
from experiments.published_tables.models import MODELS
from experiments.published_tables.parts import Parts, TableContext
from experiments.published_tables.tables import Table
from tests.worlds import tiny_world

WORLD = splits.random_ratio(tiny_world(30, 12, density=0.5, rated=False), validation=0.2, test=0.2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyTable(Table):
    def load(self, root=None):
        nothing = WORLD.train.select(np.zeros(len(WORLD.train), bool))
        return (
            dataclasses.replace(WORLD, test=nothing),
            dataclasses.replace(WORLD, validation=nothing),
        )


def make_table(**changes):
    settings = {
        "benchmark": "irgan-ml100k",
        "protocol": "a tiny world",
        "metrics": ("recall@3", "ndcg@3"),
        "choose_by": "ndcg@3",
        "hide": None,
        "refit": False,
        "references": {"published": (None, 0.5)},
        "models": ("popularity", "EASE", "shift", "shifted"),
    }
    return TinyTable(**{**settings, **changes})


def shifted_scores(task):
    """Scores that are best at size 2; `size` and seed are all they depend on."""
    truth = np.zeros((30, 12), np.float32)
    target = WORLD.validation if task.setting.validation else WORLD.test
    truth[target.user_index, target.item_index] = 1.0
    noise = np.random.default_rng(task.seed).normal(size=truth.shape)
    off = abs(task.settings["size"] - 2) + 0.3
    scores = (truth + off * noise).astype(np.float32)
    model = MatrixRecommender(scores=scores, interactions=task.interactions)
    value = task.setting.validate(model) if task.setting.validation else None
    return Trained(model, 4, value, 0.5)


def make_task(entry, settings=None, *, chosen=None, parts=None, seed=0):
    """A final training in the tiny world."""
    return Task(
        setting=Setting(seed=0, interactions=WORLD.train, tests={}, monitor="ndcg@3"),
        settings=settings or {},
        seed=seed,
        entry=entry,
        context=TableContext(chosen or {}, parts or Parts()),
        log=lambda line: None,
    )


def tiny_choices():
    """Every model's default point, shrunk to the tiny world."""
    small = {"batch_size": 16, "dim": 4, "hidden": 4, "candidates": 4, "first": 1, "count": 4}
    found = {}
    for label, spec in MODELS.items():
        leader = MODELS[spec.settings_from or label]
        settings = {**leader.points(1)[0], **spec.override}
        settings |= {name: value for name, value in small.items() if name in settings}
        found[label] = Choice({**settings, **({"warm_up": 1} if "warm_up" in settings else {})}, 2)
    return found


def trained(label, **changes):
    chosen = tiny_choices()
    spec = dataclasses.replace(MODELS[label], epochs=2)
    return spec.train(make_task(spec, {**chosen[label].settings, **changes}, chosen=chosen))
