import fcntl
import logging
import os
from unittest import mock

import pytest

from advrec_tf.data import synthetic
from advrec_tf.data.readers.report import Loaded, report_of
from advrec_tf.pipelines.progress import LOG
from advrec_tf.pipelines.recommend import job
from advrec_tf.pipelines.recommend.preparation import prepare
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.stages import StageStore
from advrec_tf.training import recipes
from tests.tracing import run_eagerly

TINY = {  # one epoch each: fewer than lie between two validations of an autoencoder or a GAN
    "embedding_dim": 8,
    "batch_size": 1024,
    "epochs": 1,
    "epsilon": (0.1,),
    "autoencoder_epsilon": (0.1,),
    "autoencoder_epochs": 1,
    "autoencoder_dim": 8,
    "gan_epochs": 1,
    "ranking_epochs": 1,
    "next_item": "gru4rec",
    "next_item_epochs": 1,
    "generated_min_history": 10,
    "ease_l2": (30.0,),
}


@pytest.fixture(scope="session")
def tiny_settings():
    return RecommenderSettings(**TINY)


@pytest.fixture(scope="session")
def tiny_world():
    world = synthetic.make_world(num_users=150, num_items=60, mean_rows=15.0, seed=1)
    return world.interactions


class Records(logging.Handler):
    """Keeps the records of a logger."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def emit(self, record):
        self.kept.append(record)


@pytest.fixture(scope="session")
def tiny_job(tiny_prepared, tiny_settings, tmp_path_factory):
    """(outcome, log records) of the main job, trained once for all workers of a test run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers
    records, before = Records(), LOG.level
    LOG.addHandler(records)
    LOG.setLevel(logging.DEBUG)
    try:
        with open(folder / "tiny_run.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            store = StageStore(folder / "tiny_run", {}, resume=True)
            # XLA would compile each of some thirty small models for seconds.
            two_tower = recipes.two_tower
            by_steps = mock.patch.object(
                recipes, "two_tower", lambda **given: two_tower(**{**given, "jit_compile": False})
            )
            with by_steps, run_eagerly():
                outcome = job.run(tiny_prepared, tiny_settings, store)
    finally:
        LOG.removeHandler(records)
        LOG.setLevel(before)
    return outcome, records.kept


@pytest.fixture(scope="session")
def tiny_outcome(tiny_job):
    return tiny_job[0]


@pytest.fixture(scope="session")
def tiny_prepared(tiny_world, tiny_settings):
    loaded = Loaded(interactions=tiny_world, report=report_of(tiny_world, "tiny"))
    return prepare(loaded, tiny_settings)
