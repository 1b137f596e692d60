"""From a `Task` to a trained model, for the games of two players: IRGAN and CFGAN."""

from __future__ import annotations

import dataclasses

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.gan.cfgan import build_cfgan
from advrec_tf.gan.irgan import build_irgan
from advrec_tf.models.hard_negatives import DNSFactorization
from experiments.published_tables.tasks import Task, Trained, fit, part


def dns_start(task: Task) -> Trained:
    """DNS factorization at a high rate, then at a tenth of it (the epochs that are chosen)."""
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    model = _dns_model(task)
    first = dataclasses.replace(task, evaluator=None, epochs=settings["first"], callbacks=())
    decay = settings["decay"]
    model.compile(optimizer=_decayed_adam(0.01, decay), steps_per_execution=8)
    seconds = fit(first, model, _users(task)).seconds
    model.compile(optimizer=_decayed_adam(0.001, 0.3 * decay), steps_per_execution=8)
    trained = fit(task, model, _users(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def _dns_model(task: Task) -> DNSFactorization:
    dim, candidates = task.settings["dim"], task.settings["candidates"]
    return DNSFactorization(task.train, dim=dim, candidates=candidates, seed=task.seed)


def irgan(task: Task) -> Trained:
    """From the DNS start: the discriminator alone, then the game; the ablation goes on with DNS."""
    label = "DNS start of IRGAN"
    start = task.of(label)
    weights, seconds = part(task, label, dns_start)
    keras.utils.set_random_seed(task.seed)
    settings = {**start.settings, **task.settings}
    task = dataclasses.replace(task, settings=settings)
    ablation = settings["form"] == "none"
    gan = build_irgan(
        task.train,
        dim=settings["dim"],
        candidates=settings["candidates"],
        form="pointwise" if ablation else settings["form"],
        mixture=settings["mixture"],
        d_temperature=settings["d_temperature"],
        adversarial_weight=0.0 if ablation else 1.0,
        reconstruction_weight=1.0 if ablation else 0.0,
        seed=task.seed,
    )
    start_model = _dns_model(start)
    start_model.set_weights(weights)
    gan.generator.set_weights(start_model.scorer.get_weights())
    players = {
        "d_optimizer": _decayed_adam(0.01, settings["decay"]),
        "steps_per_execution": 8,
    }
    if not ablation:
        gan.compile(g_optimizer=keras.optimizers.SGD(0.0), **players)
        alone = dataclasses.replace(task, evaluator=None, epochs=settings["warm_up"], callbacks=())
        seconds += fit(alone, gan, _users(task)).seconds
    rate = settings["g_learning_rate"]
    gan.compile(g_optimizer=_decayed_adam(rate, 0.3 * settings["decay"]), **players)
    trained = fit(task, gan, _users(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def cfgan(task: Task) -> Trained:
    """Rounds of the authors' loop: one batch holds all profiles."""
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    model = build_cfgan(
        task.train,
        mode=settings["mode"],
        generator_hidden=(settings["hidden"],),
        masked_negatives=settings["masked"],
        zeroed_negatives=settings.get("zeroed", 1.0),
        positive_weight=settings["positive"],
        adversarial_weight=settings["adversarial"],
        generator_l2=settings["l2"],
        critic_batch=settings.get("critic_batch", 64),
        generator_batch=settings.get("generator_batch", 32),
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


def _users(task: Task) -> batches.Batches:
    users = np.flatnonzero(task.train.by_user().counts >= 1)
    return batches.of_users(users, batch_size=task.settings["batch_size"], seed=task.seed)


def _decayed_adam(rate: float, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, weight_decay=decay or None)
