"""Parameter servers: a chief, a worker and two servers train as one device does."""

import json
import os
import subprocess
import sys

import pytest

from advrec_tf.training.cluster import local_cluster_with_servers

SERVE = "import advrec_tf as ar; ar.training.strategy_of('parameter_server')"
CHIEF = """
import json
import sys
import advrec_tf as ar
import numpy as np
from advrec_tf.training import servers
servers.LEAST_PART_BYTES = 64  # so that tiny tables are cut
strategy = ar.training.strategy_of("parameter_server")  # first
import tensorflow as tf
from tensorflow import keras
from advrec_tf.models.new_users import NewUsers
from advrec_tf.ops.servers import whole_variables
from advrec_tf.training.distribution import described
from tests.worlds import tiny_world

data = tiny_world(30, 12, density=0.4, rated=False)
m, fgsm, users = ar.models, ar.fgsm(0.1, relative=True), tf.constant([0, 1])
found = {"described": described(strategy), "apart": {}, "parts": {}}

def made(build, adversary):
    keras.utils.set_random_seed(0)
    model = build()
    wrapped = ar.AdversarialTraining(model, fgsm, fraction=1.0) if adversary else model
    wrapped.compile(optimizer=ar.training.LazyAdam(0.01), steps_per_execution=2)
    return model, wrapped

def features():
    split = ar.data.load("synthetic", num_users=40, num_items=30).split("last_item")
    return m.two_tower(split.train, use_features=True)

def factorization():
    return m.MatrixFactorization(data, dim=4, objective=m.BPR(m.DNS(2)))

CASES = {
    "two_tower": (lambda: m.two_tower(data, embedding_dim=4), True),
    "plain_factorization": (lambda: m.MatrixFactorization(data, dim=4), False),
    "features": (features, False),
    "ranking": (lambda: m.ranking_tower(data, embedding_dim=4, hidden=(8,)), False),
    "factorization": (factorization, True),
}
for name in sys.argv[2:]:
    build, adversary = CASES[name]
    alone, trained_alone = made(build, adversary)
    with strategy.scope():
        served, trained = made(build, adversary)
    found["parts"][name] = len(served.weights) - len(alone.weights)
    for own, value in zip(whole_variables(served.weights), alone.weights, strict=True):
        own.assign(value)
    pairs = ar.data.batches.of_pairs(served.interactions, batch_size=16, seed=0)
    more = {"checkpoint": sys.argv[1]} if name == "two_tower" else {}
    report = ar.training.fit_ranked(trained, pairs, epochs=2, **more)
    expected = ar.training.fit_ranked(trained_alone, pairs, epochs=2)
    both = zip(whole_variables(served.weights), alone.weights, strict=True)
    apart = [np.abs(own.numpy() - value.numpy()).max() for own, value in both]
    apart.append(abs(report.history["loss"][-1] - expected.history["loss"][-1]))
    apart.append(np.abs(np.array(served.score(users)) - np.array(alone.score(users))).max())
    found["apart"][name] = float(max(apart))
    if name == "features":  # what serves new users is the same, too
        own, other = (NewUsers.of(model).to_arrays() for model in (served, alone))
        kept = [name for name in own if "config" not in name]
        assert kept and all(np.allclose(own[name], other[name], atol=1e-5) for name in kept)

# On one device the checkpoint goes on, whose tables it has whole.
alone, trained_alone = made(CASES["two_tower"][0], True)
report = ar.training.fit_ranked(trained_alone, pairs, epochs=2, checkpoint=sys.argv[1])
found["epochs restored"] = report.epochs
served.compile(optimizer="adam", jit_compile=True)
with strategy.scope():
    generator = m.MatrixFactorization(data, dim=4, objective=m.BPR(m.Generator()))
    generator.compile(optimizer="adam")
refused = {
    "jit": lambda: served.fit(pairs, verbose=0),
    "generator": lambda: generator.fit(pairs, verbose=0),
    "other": lambda: m.ProfileAutoencoder(data, dim=4),
}
for name, call in refused.items():
    try:
        with strategy.scope():
            call()
    except ValueError as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def trained_by_one_worker(checkpoint, *cases):
    """What the chief of a worker and two servers found, and what the others printed."""
    tasks = local_cluster_with_servers(1, 2)
    running = {
        task: subprocess.Popen(
            [sys.executable, "-c", CHIEF if task == "chief 0" else SERVE, str(checkpoint), *cases],
            env={**os.environ, "TF_CONFIG": config},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for task, config in tasks.items()
    }
    try:
        chief = running.pop("chief 0")
        printed, errors = chief.communicate(timeout=400)
        assert chief.returncode == 0, errors[-3000:]
        others = {task: process.communicate(timeout=60)[0] for task, process in running.items()}
        assert [process.returncode for process in running.values()] == [0, 0, 0]
    finally:
        for process in (chief, *running.values()):
            process.kill()
    return json.loads(printed.splitlines()[-1]), others


def test_one_worker_trains_tables_in_parts_as_one_device_does(tmp_path):
    found, others = trained_by_one_worker(tmp_path / "c.npz", "two_tower", "plain_factorization")
    assert "The chief has ended, and so does ps 1." in others["ps 1"]
    assert found["described"] == "workers      1, each for itself, and 2 parameter servers"
    assert found["parts"] == {"two_tower": 2, "plain_factorization": 2}
    assert max(found["apart"].values()) < 1e-5
    assert found["epochs restored"] == 2
    assert "`jit_compile` should be False" in found["jit"]
    assert "Received: a MatrixFactorization." in found["generator"]
    assert "Received: a ProfileAutoencoder." in found["other"]


@pytest.mark.slow
def test_more_models_train_as_on_one_device(tmp_path):
    found, _ = trained_by_one_worker(
        tmp_path / "c.npz", "features", "ranking", "factorization", "two_tower"
    )
    assert max(found["apart"].values()) < 1e-5
