"""From a `Task` to a trained model, for the GANs: IRGAN and CFGAN."""

from __future__ import annotations

import dataclasses

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.cfgan import Minibatches, Scheme, build_cfgan
from advrec_tf.gan.hard_negatives import DNSFactorization, HardNegatives
from advrec_tf.gan.irgan import Selection, build_irgan
from experiments.harness.entries import Task, Trained
from experiments.published_tables.parts import final_task, part
from experiments.published_tables.trainers import fit

PRETRAINING = "IRGAN, DNS pretraining"


def dns_pretraining(task: Task) -> Trained:
    """DNS factorization at a high learning rate, then at a tenth of it for the epochs chosen."""
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    model = _dns_model(task)
    first = _unwatched(task, settings["first"])
    decay = settings["decay"]
    model.compile(optimizer=_decayed_adam(0.01, decay), steps_per_execution=8)
    seconds = fit(first, model, _users(task)).seconds
    model.compile(optimizer=_decayed_adam(0.001, 0.3 * decay), steps_per_execution=8)
    trained = fit(task, model, _users(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def _dns_model(task: Task) -> DNSFactorization:
    return DNSFactorization(
        task.interactions,
        dim=task.settings["dim"],
        hard_negatives=HardNegatives(candidates=task.settings["candidates"]),
        seed=task.seed,
    )


def irgan(task: Task) -> Trained:
    """From the DNS model: the discriminator alone, then both networks.

    The ablation continues with DNS."""
    start = final_task(task, PRETRAINING)
    weights, seconds = part(task, PRETRAINING, dns_pretraining)
    keras.utils.set_random_seed(task.seed)
    settings = {**start.settings, **task.settings}
    task = dataclasses.replace(task, settings=settings)
    ablation = settings["form"] == "none"
    gan = build_irgan(
        task.interactions,
        dim=settings["dim"],
        loss=AdversarialLoss("pointwise", weight=0.0)
        if ablation
        else AdversarialLoss(settings["form"]),
        selection=Selection(mixture=settings["mixture"], d_temperature=settings["d_temperature"]),
        hard_negatives=HardNegatives(candidates=settings["candidates"]),
        reconstruction_weight=1.0 if ablation else 0.0,
        seed=task.seed,
    )
    start_model = _dns_model(start)
    start_model.set_weights(weights)
    gan.generator.set_weights(start_model.scorer.get_weights())
    shared = {
        "d_optimizer": _decayed_adam(0.01, settings["decay"]),
        "steps_per_execution": 8,
    }
    if not ablation:
        gan.compile(g_optimizer=keras.optimizers.SGD(0.0), **shared)
        alone = _unwatched(task, settings["warm_up"])
        seconds += fit(alone, gan, _users(task)).seconds
    g_optimizer = _decayed_adam(settings["g_learning_rate"], 0.3 * settings["decay"])
    gan.compile(g_optimizer=g_optimizer, **shared)
    trained = fit(task, gan, _users(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def cfgan(task: Task) -> Trained:
    """The authors' loop: one batch holds all profiles."""
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    model = build_cfgan(
        task.interactions,
        mode=settings["mode"],
        generator_hidden=(settings["hidden"],),
        scheme=Scheme(
            masked=settings["masked"],
            zeroed=settings.get("zeroed", 1.0),
            positive_weight=settings["positive"],
        ),
        loss=AdversarialLoss(weight=settings["adversarial"]),
        l2=settings["l2"],
        minibatches=Minibatches(
            critic=settings.get("critic_batch", 64),
            generator=settings.get("generator_batch", 32),
        ),
        seed=task.seed,
    )
    model.compile(
        d_optimizer=keras.optimizers.Adam(settings["d_learning_rate"]),
        g_optimizer=keras.optimizers.Adam(0.0005),
    )
    data = batches.of_users(
        np.arange(model.num_profiles), batch_size=model.num_profiles, seed=task.seed
    )
    return fit(task, model, data)


def _unwatched(task: Task, epochs: int) -> Task:
    """The task for exactly so many epochs, without validation."""
    return dataclasses.replace(
        task,
        setting=dataclasses.replace(task.setting, validation=None, early_stopping=None),
        entry=dataclasses.replace(task.entry, epochs=epochs),
        callbacks=(),
    )


def _users(task: Task) -> batches.Batches:
    users = np.flatnonzero(task.interactions.by_user().counts >= 1)
    return batches.of_users(users, batch_size=task.settings["batch_size"], seed=task.seed)


def _decayed_adam(learning_rate: float, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(learning_rate, weight_decay=decay or None)
