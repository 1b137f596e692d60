"""Models under a strategy of two replicas, beside one device with the same global batch."""

import json
import subprocess
import sys

import pytest
import tensorflow as tf

from advrec_tf.models import replicas

TRAINED = """
import dataclasses
import json
import sys
import advrec_tf as ar
import numpy as np
import tensorflow as tf
from tensorflow import keras
from advrec_tf.data import batches
from advrec_tf.data.windows import last_windows, of_windows, training_windows
from advrec_tf.training import recipes

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.models.test_keras_habits import DATA, MAKERS, PAIRS  # builds tensors
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
m = ar.models
TEXT = m.Modality(name="text", vectors=np.random.default_rng(0).normal(size=[12, 5]).astype("f4"))
RATED = dataclasses.replace(DATA, rating=(1.0 + DATA.item_index % 5).astype(np.float32))
users = batches.of_users(np.arange(30), batch_size=10, seed=0)
softmax = lambda negatives, **more: m.SampledSoftmax(negatives, temperature=0.2, **more)
noise = ar.perturbations.Perturbation(epsilon=0.1, relative=True, direction="random")

def lightgcn(**settings):
    return m.LightGCN(DATA, dim=4, initial_scale=0.3, **settings)

# With 4 numbers a vector, dropout leaves some with one, whose direction layer normalization cannot
# tell: its gradient is rounding, which FGSM would make as long as any other.
SIZE = m.EncoderSize(length=5, dim=16, blocks=1, heads=2, dropout=0.3)

def next_item(name, objective=m.FullSoftmax()):
    def build():
        return recipes.NEXT_ITEM[name](DATA, size=SIZE, objective=objective)
    kind = "prefixes" if name in ("bsarec", "fmlp") else "whole"
    windows = training_windows(DATA, 5, kind=kind)
    return build, of_windows(windows, batch_size=10, seed=0, trimmed=kind == "whole"), None

def factorization(objective):
    return m.MatrixFactorization(DATA, dim=4, objective=objective)

VECTORS = {
    "two_tower": (MAKERS["retrieval"], PAIRS, None),
    "ranking": (MAKERS["ranking"], PAIRS, None),
    "autoencoder": (lambda: m.ProfileAutoencoder(DATA, dim=4), users, ["item_vectors"]),
    "variational": (lambda: m.VariationalAutoencoder(DATA, dim=4, hidden=(8,)), users,
                    ["item_vectors"]),
    "light_gcn": (lightgcn, PAIRS, ["node_vectors"]),
    "light_gcn_bpr": (lambda: lightgcn(objective=m.BPR(m.Mixed())), PAIRS, ["node_vectors"]),
    "light_gcn_contrast": (
        lambda: lightgcn(contrast=m.Contrast(candidates=20, perturbation=noise)), PAIRS,
        ["node_vectors"]),
    "multi_task": (lambda: m.multi_task_tower(RATED, embedding_dim=4, use_features=False),
                   batches.of_pairs(RATED, batch_size=40, seed=0), None),
    "content": (lambda: m.content_two_tower(DATA, [TEXT], history=TEXT, item_ids=True, dim=4,
                                            id_dropout=0.3, history_dropout=0.3), PAIRS, None),
    "factorization_bpr": (lambda: factorization(m.BPR(m.DNS(3))), PAIRS, None),
    "factorization_softmax": (
        lambda: factorization(softmax(m.InBatch(), candidates=25)), PAIRS, None),
}
NEXT_ITEM = {
    "sasrec": next_item("sasrec"),
    "sasrec_bce": next_item("sasrec", m.BinaryCrossEntropy()),
    "sasrec_gbce": next_item("sasrec", m.BinaryCrossEntropy(negatives=5, calibrated=0.75)),
    "sasrec_sampled": next_item("sasrec", softmax(m.InBatch())),
    "bert4rec": next_item("bert4rec"),
    "gru4rec": next_item("gru4rec"),
    "hstu": next_item("hstu"),
    "bsarec": next_item("bsarec"),
    "fmlp": next_item("fmlp"),
}

def attacked(model, layers):
    layers = layers and [getattr(model, {"item_vectors": "item_layer",
                                         "node_vectors": "node_layer"}[layers[0]])]
    return ar.AdversarialTraining(model, ar.fgsm(0.1, relative=True), fraction=1.0, layers=layers)

def mixed(model, noise):
    neighbors = m.co_occurring_items(DATA, 2)
    return ar.training.NeighborMixtures(model, neighbors, layer="item_rows", noise=noise)

WRAPPED = {"plain": lambda model, _: model, "attacked": attacked}
OF_HISTORIES = {
    "mixed": lambda model, _: mixed(model, False),
    "noisy": lambda model, _: mixed(model, True),
    "substituted": lambda model, _: ar.training.RandomSubstitutions(
        model, layer="item_rows", num_items=DATA.num_items, rate=0.5),
    "virtual": lambda model, _: ar.training.virtual_adversarial_prefixes(
        model, ar.fgsm(0.1, relative=True), last_windows(DATA, 5), batch_size=6),
}

def trained(scope, build, data, layers, wrap):
    with scope:
        keras.utils.set_random_seed(0)
        inner = build()
        model = wrap(inner, layers)
        model.compile(optimizer=keras.optimizers.SGD(0.1))
    history = model.fit(data, epochs=1, steps_per_epoch=2, verbose=0).history
    return inner, history["loss"][0]

found = {}
for name, (build, data, layers) in globals()[sys.argv[1]].items():
    for how, wrap in (WRAPPED | (OF_HISTORIES if name == "sasrec" else {})).items():
        one, loss = trained(tf.distribute.get_strategy().scope(), build, data, layers, wrap)
        two, mirrored = trained(strategy.scope(), build, data, layers, wrap)
        for variable in two.trainable_variables:
            np.testing.assert_array_equal(*strategy.experimental_local_results(variable))
        pairs = zip(one.trainable_variables, two.trainable_variables, strict=True)
        apart = [float(np.abs(a.numpy() - b.numpy()).max()) for a, b in pairs]
        found[f"{name} {how}"] = max(*apart, abs(loss - mirrored) / abs(loss))
        print(name, how, found[f"{name} {how}"], loss, flush=True)
with strategy.scope():
    refused = factorization(m.BPR(m.Generator()))
    refused.compile(optimizer=keras.optimizers.SGD(0.1))
try:
    refused.fit(PAIRS, epochs=1, verbose=0)
except ValueError as error:
    found["refused"] = str(error)
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("group", "count"), [("VECTORS", 22), ("NEXT_ITEM", 22)])
def test_two_replicas_train_every_replicated_model_as_one_device_does(group, count):
    done = subprocess.run([sys.executable, "-c", TRAINED, group], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert "MatrixFactorization should be trained on one device" in found.pop("refused")
    assert len(found) == count and max(found.values()) < 1e-5, found


def test_on_one_device_everything_is_the_batch_s_own():
    values = tf.range(3)
    assert replicas.of_global_batch([values])[0] is values
    assert replicas.candidates_of_all([values])[0] is values
    assert replicas.own_rows(tf.range, tf.constant(3)).numpy().tolist() == [0, 1, 2]
    assert replicas.seed_of_all(values) is values
    assert replicas.sum_over_replicas(values) is values
