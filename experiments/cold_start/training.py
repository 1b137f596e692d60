"""What every training of the study is given besides its setting, and how a tower is trained."""

from __future__ import annotations

import dataclasses

from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.training.optimizers import LazyAdam
from experiments.cold_start.content import Content
from experiments.harness import training
from experiments.harness.entries import Task, Trained

LEARNING_RATE = 3e-3
_STEPS_WORTH_COMPILING = 3000


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Context:
    """The `Task.context` of the study: texts, attributes and facts, and the sizes of all towers."""

    content: Content
    epochs: int = 12
    batch_size: int = 1024
    dim: int = 64


def fit(task: Task, model, interactions=None, *, jit: bool = True) -> Trained:
    """A tower trained on the setting's interactions, or on those given, with early stopping."""
    context: Context = task.context
    keras.utils.set_random_seed(task.seed)
    steps = context.epochs * len(task.interactions) / context.batch_size
    jit_compile = jit and steps > _STEPS_WORTH_COMPILING
    model.compile(optimizer=LazyAdam(LEARNING_RATE), jit_compile=jit_compile)
    data = batches.of_pairs(
        task.interactions if interactions is None else interactions,
        batch_size=context.batch_size,
        seed=task.seed,
    )
    trained = training.fit(task, model, data, epochs=context.epochs, patience=2)
    return dataclasses.replace(trained, seconds=None)  # everything that the entry does counts
