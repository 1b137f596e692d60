"""One process of `workers`: trains a two-tower model for some steps and says how fast it was.

    python -m experiments.speed.worker '{"items": 10000, ..., "core": 0}'

With TF_CONFIG in the environment it is one of several that train the model together.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_COUNTERS = Path("/sys/class/net/lo/statistics/rx_bytes")


def loopback_bytes() -> int | None:
    """Bytes that went over the loopback device so far; None where the system does not say."""
    return int(_COUNTERS.read_text()) if _COUNTERS.exists() else None


def measure(settings: dict) -> dict:
    """Train in this process.

    Args:
        settings: `users`, `items`, `interactions` and `dim` of the generated data, `batch_size` of
            all workers together, `steps` of an epoch, `epochs` that are timed, after one that
            compiles, `jit_compile`, and `weights`, a file for the weights after the first, or None.

    Returns:
        Medians over the epochs: `examples_per_second` of all workers together, and of a step
        `processor_seconds` of this process and `exchanged_bytes` of all.
    """
    from advrec_tf.training.cluster import VARIABLE
    from advrec_tf.training.distribution import strategy_of

    strategy = strategy_of("multi_worker") if VARIABLE in os.environ else None
    import numpy as np
    from tensorflow import keras

    from advrec_tf.training import recipes
    from experiments.speed.cells import generated_split

    keras.utils.set_random_seed(0)
    sizes = (settings[name] for name in ("items", "users", "interactions"))
    train = generated_split(*sizes, seed=0).train
    recipe = recipes.two_tower(
        embedding_dim=settings["dim"],
        batch_size=settings["batch_size"],
        jit_compile=settings["jit_compile"],
    )
    if strategy is not None:
        recipe = recipe.under(strategy)
    seconds, processor, exchanged, began = [], [], [], []

    def begin(epoch, logs):
        began[:] = [time.perf_counter(), time.process_time(), loopback_bytes()]

    def end(epoch, logs):
        seconds.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
        if began[2] is not None:
            exchanged.append(loopback_bytes() - began[2])
        if epoch == 0 and settings["weights"]:
            np.savez(settings["weights"], *[weight.numpy() for weight in model.trainable_weights])

    with strategy.scope() if strategy is not None else contextlib.nullcontext():
        model = recipe.build(train, seed=0)
        recipe.compile(model)
    model.fit(
        recipe.batches(model, train, seed=0),
        epochs=1 + settings["epochs"],
        steps_per_epoch=settings["steps"],
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)],
        verbose=0,
    )
    examples = settings["steps"] * settings["batch_size"]
    return {
        "examples_per_second": examples / statistics.median(seconds[1:]),
        "processor_seconds": statistics.median(processor[1:]) / settings["steps"],
        "exchanged_bytes": statistics.median(exchanged[1:]) / settings["steps"]
        if exchanged
        else None,
    }


def main(argv: list[str]) -> None:
    settings = json.loads(argv[0])
    if settings["core"] is not None:
        os.sched_setaffinity(0, {settings["core"]})  # before TensorFlow counts the cores
    print(json.dumps(measure(settings)))


if __name__ == "__main__":
    main(sys.argv[1:])
