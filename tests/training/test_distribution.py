"""Strategies by name, and two processes that train as one."""

import json
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from advrec_tf.training.cluster import local_clusters
from advrec_tf.training.distribution import require_same_epoch, strategy_of

WORKER = """
import json
import advrec_tf as ar
import numpy as np
from advrec_tf.training.distribution import require_same_epoch
strategy = ar.training.strategy_of("multi_worker")  # first
import tensorflow as tf
from tensorflow import keras
from tests.worlds import tiny_world

data = tiny_world(30, 12, density=0.4, rated=False)
pairs = ar.data.batches.of_pairs(data, batch_size=32, seed=0)

def trained(scope):
    with scope:
        keras.utils.set_random_seed(0)
        model = ar.models.two_tower(data, embedding_dim=4)
        wrapped = ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True), fraction=1.0)
        wrapped.compile(optimizer=ar.training.LazyAdam(0.01))
    loss = wrapped.fit(pairs, epochs=1, steps_per_epoch=3, verbose=0).history["loss"][0]
    return [loss, *(variable.numpy() for variable in model.trainable_variables)]

index = strategy.cluster_resolver.task_id
require_same_epoch(strategy, 3)
try:
    require_same_epoch(strategy, index)
except ValueError as error:
    found = {"refused": str(error)}
together = trained(strategy.scope())
found["sums"] = [float(np.sum(value)) for value in together]
if index == 0:
    alone = trained(tf.distribute.get_strategy().scope())
    pairs = zip(alone, together, strict=True)
    found["apart"] = max(float(np.abs(a - b).max()) for a, b in pairs)
print(json.dumps(found))
"""


def test_two_workers_of_half_a_batch_train_as_one_of_the_whole():
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env={**os.environ, "TF_CONFIG": config},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for config in local_clusters(2)
    ]
    try:
        ended = [worker.communicate(timeout=300) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], ended[0][1][-3000:]
    chief, other = (json.loads(printed.splitlines()[-1]) for printed, _ in ended)
    assert chief["apart"] < 1e-5
    assert chief["sums"] == other["sums"]  # bit for bit
    assert "Received: epochs [0, 1]" in chief["refused"] and chief["refused"] == other["refused"]


@pytest.mark.parametrize(
    ("name", "replicas", "said"),
    [
        ("tpu", None, "one of mirrored, multi_worker, parameter_server. Received: 'tpu'"),
        ("mirrored", 0, "`replicas` should be >= 1"),
        ("multi_worker", 2, "for the strategy mirrored alone. Received: 2 for multi_worker"),
        ("multi_worker", None, "`TF_CONFIG` should be JSON"),
        ("parameter_server", 2, "for the strategy mirrored alone. Received: 2 for parameter_se"),
        ("parameter_server", None, '`TF_CONFIG` should be JSON such as .*"ps"'),
    ],
)
def test_what_is_no_strategy_is_refused(monkeypatch, name, replicas, said):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=said):
        strategy_of(name, replicas=replicas)


def test_a_strategy_that_comes_too_late_is_refused():
    tf.zeros([])  # so TensorFlow has set up its devices
    with pytest.raises(ValueError, match="at the start of the process"):
        strategy_of("mirrored", replicas=2)


def test_replicas_of_one_process_agree():
    require_same_epoch(tf.distribute.get_strategy(), 3)
    require_same_epoch(strategy_of("mirrored", replicas=1), 3)
