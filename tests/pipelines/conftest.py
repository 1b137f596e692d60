import pytest

from advrec_tf.data import synthetic
from advrec_tf.data.readers.report import Loaded, report_of
from advrec_tf.pipelines.recommend.preparation import prepare
from advrec_tf.pipelines.recommend.settings import RecommenderSettings

TINY = {
    "embedding_dim": 8,
    "batch_size": 64,
    "epochs": 2,
    "epsilon": (0.1,),
    "autoencoder_epsilon": (0.1,),
    "autoencoder_epochs": 2,
    "autoencoder_dim": 8,
    "gan_epochs": 2,
    "ranking_epochs": 1,
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


@pytest.fixture(scope="session")
def tiny_prepared(tiny_world, tiny_settings):
    loaded = Loaded(interactions=tiny_world, report=report_of(tiny_world, "tiny"))
    return prepare(loaded, tiny_settings)
