import dataclasses

import numpy as np
import pytest

from advrec_tf.models.base import log_popularity
from experiments.augmentation import tail


def test_steered_interactions_are_as_rare_as_the_cap_says(make_task, settings, trained_on):
    drifts = []
    for cap in (0.01, 0.6):
        many = dataclasses.replace(settings, steered_rows=0.9, cap=cap)
        task = make_task("tail", {"steered_fraction": 0.1}, many)
        tail.steered_interactions("random")(task)
        popularity = log_popularity(task.interactions)
        drawn = trained_on[-1][0]
        assert drawn.real is task.interactions and drawn.fraction == 0.1 and len(drawn) > 1000
        real = popularity[task.interactions.item_index].mean()
        drifts.append(popularity[drawn.item_index].mean() - real)
    # drawn without replacement out of few: a little rarer than single draws
    assert -0.25 < drifts[0] < 0.1 and drifts[1] == pytest.approx(drifts[0] - 0.59, abs=0.2)


def test_weights_have_mean_one_and_follow_the_power_of_the_popularity(make_task, trained_on):
    task = make_task("tail", {"row_power": 0.5})
    tail.reweighted(task)
    weight = trained_on[-1][1]["sample_weight"]
    counts = task.interactions.item_counts()[task.interactions.item_index]
    assert weight.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(weight / weight[0], (counts / counts[0]) ** -0.5, rtol=1e-6)


def test_the_penalty_is_subtracted_at_serving(make_task, trained_on):
    task = make_task("tail", {"penalty": 0.5})
    scores = tail.penalized(task).scores
    np.testing.assert_allclose(scores[3], -0.5 * log_popularity(task.interactions), rtol=1e-5)
