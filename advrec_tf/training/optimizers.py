"""Optimizers whose step costs by the batch, not by the table.

Keras' Adam decays the moments of a whole embedding table at every step. `LazyAdam` updates only
the table entries that a batch looked up, so a table of a million entries trains as fast as a
small one. For dense gradients it is Adam.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.ops import sparse_updates


@keras.utils.register_keras_serializable("advrec_tf")
class LazyAdam(keras.optimizers.Optimizer):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980) that leaves entries outside the batch untouched.

    An entry's moments decay only when it is looked up; bias correction follows the global
    step. Gradients of an entry that occurs several times in a batch are summed first.

    Args:
        learning_rate: > 0.
        beta_1, beta_2: decay of the first and second moment, in [0, 1).
        epsilon: added to the root of the second moment.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str = "LazyAdam",
        **kwargs,
    ):
        # Keras' own default, 0, would still sweep every table at every step.
        super().__init__(name=name, **{"weight_decay": None, **kwargs})
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, var_list):
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self._built = True
        self._first = [self.add_variable_from_reference(v, "m") for v in var_list]
        self._second = [self.add_variable_from_reference(v, "v") for v in var_list]

    def update_step(self, gradient, variable):
        index = self._index_dict[self._var_key(variable)]
        first, second = self._first[index], self._second[index]
        step = tf.cast(self.iterations + 1, variable.dtype)
        rate = tf.cast(self.learning_rate, variable.dtype)
        rate = rate * tf.sqrt(1.0 - tf.pow(self.beta_2, step)) / (1.0 - tf.pow(self.beta_1, step))
        if not isinstance(gradient, tf.IndexedSlices):
            first.assign_add((gradient - first) * (1.0 - self.beta_1))
            second.assign_add((tf.square(gradient) - second) * (1.0 - self.beta_2))
            variable.assign_sub(rate * first / (tf.sqrt(second) + self.epsilon))
            return
        # The base class has summed repeats, so every row occurs once.
        rows, values = gradient.indices, gradient.values
        row_first = tf.gather(first, rows)
        row_first += (values - row_first) * (1.0 - self.beta_1)
        row_second = tf.gather(second, rows)
        row_second += (tf.square(values) - row_second) * (1.0 - self.beta_2)
        change = rate * row_first / (tf.sqrt(row_second) + self.epsilon)
        first.scatter_update(tf.IndexedSlices(row_first, rows))
        second.scatter_update(tf.IndexedSlices(row_second, rows))
        variable.scatter_sub(tf.IndexedSlices(change, rows))

    def row_rule(self) -> sparse_updates.RowRule:
        """The same update rule for tables inside a compiled block of steps."""

        def slots(variable):
            index = self._index_dict[self._var_key(variable)]
            return self._first[index], self._second[index]

        def update(*arguments):
            return sparse_updates.lazy_adam(
                *arguments, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon
            )

        return sparse_updates.RowRule(slots=slots, update=update)

    def get_config(self):
        return {
            **super().get_config(),
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
