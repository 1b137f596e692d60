import numpy as np
import pytest

from advrec_tf.data.splits import random_ratio
from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.attack.setting import AttackSetting
from advrec_tf.pipelines.stages import StageStore
from tests.worlds import tiny_world


def make_setting(ratings=True):
    """50 users on 30 items, the last the most rated; two targets in the tail, and a published
    segment of the first."""
    world = tiny_world(50, 30, density=np.linspace(0.05, 0.8, 30), rated=ratings)
    return AttackSetting(
        name="x",
        split=random_ratio(world, validation=0.0, test=0.1),
        targets={"tail": (0, 1)},
        segments={0: (28, 29)},
        fillers=6,
    )


@pytest.fixture
def make_attack_setting():
    return make_setting


@pytest.fixture
def make_runner(tmp_path):
    return lambda ratings=True: CellRunner(make_setting(ratings), StageStore(tmp_path / "run", {}))
