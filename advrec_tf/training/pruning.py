"""Magnitude pruning of dense layers while a model trains, as a Keras callback.

What it makes is zeros in kernels of their full shape. A SavedModel multiplies by them as before, so
it runs no faster; what shrinks is the compressed file.
"""

from __future__ import annotations

import logging
import numbers
from collections.abc import Sequence

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.training.wrapper import innermost


class MagnitudePruning(keras.callbacks.Callback):
    """Sets the smallest weights of each dense kernel to zero, more of them step by step, and keeps
    them there.

    Zhu & Gupta 2017 (arXiv:1710.01878), eq. 1, from no zeros on: at step t the share of zeros is
    sparsity * (1 - (1 - (t - begin) / (end - begin))^3) between `begin` and `end`, before them 0
    and after them `sparsity`. Of each kernel the nearest whole number of weights to that share is
    zero after every step, so that the last epochs fine-tune what is left. A weight that is zero
    stays so, also where a training is resumed or another follows. Biases and embeddings are left
    alone.

    Steps are those of the optimizer, which go on counting in a second `fit` of a compiled model.
    With early stopping the best epoch may be one of few zeros: prune without it
    (`ar.fit(model, split.train, ...)`), or fine-tune after that with `end=0`, by which every epoch
    has all zeros.

    Args:
        sparsity: the share of zeros in the end, in [0, 1).
        begin, end: steps, which are batches, between which it grows, 0 <= begin <= end; with
            end = 0 it is there before the first step.
        every: steps between two choices of the weights.
        layers: dense layers; by default all of the model, those of a cross network too.

    Raises:
        ValueError: if an argument is out of range or, when training begins, the model has no
            dense layer.
    """

    _supports_tf_logs = True  # Keras then does not copy the logs of each batch

    def __init__(
        self,
        sparsity: float,
        *,
        begin: int = 0,
        end: int,
        every: int = 10,
        layers: Sequence[keras.layers.Dense] | None = None,
    ):
        super().__init__()
        if not (isinstance(sparsity, numbers.Real) and 0 <= sparsity < 1):
            raise ValueError(f"`sparsity` should be a number in [0, 1). Received: {sparsity!r}.")
        if not (_are_counts(begin, end) and 0 <= begin <= end):
            raise ValueError(
                "`begin` and `end` should be whole numbers of steps, 0 <= begin <= end. "
                f"Received: {begin!r} and {end!r}."
            )
        if not (_are_counts(every) and every >= 1):
            raise ValueError(f"`every` should be a whole number >= 1. Received: {every!r}.")
        self.sparsity = sparsity
        self.begin, self.end, self.every = begin, end, every
        self.layers = layers
        self._masks: list[np.ndarray] = []

    def share(self, step: int) -> float:
        """The share of zeros after so many steps."""
        if step >= self.end:
            return self.sparsity
        left = 1.0 - max(0, step - self.begin) / (self.end - self.begin)
        return self.sparsity * (1.0 - left**3)

    def kernels(self) -> list:
        """The variables that are pruned, of the model that trains or trained.

        Raises:
            ValueError: if there is none, or no training has begun and no layers were given.
        """
        layers = self.layers
        if layers is None:
            if self.model is None:
                raise ValueError(
                    "The callback should be asked after a training began, by which it learns of "
                    "its model, or be given `layers`. Received neither."
                )
            parts = innermost(self.model).submodules
            layers = [part for part in parts if isinstance(part, keras.layers.Dense)]
        found = [layer.kernel for layer in layers if layer.trainable]
        if not found:
            raise ValueError(
                "`layers` should hold a dense layer that is trained, as a ranking tower has. "
                f"Received none of {type(innermost(self.model)).__name__}."
            )
        return found

    def reached(self) -> float:
        """The share of zeros in all kernels together."""
        kernels = [kernel.numpy() for kernel in self.kernels()]
        return sum(int((k == 0).sum()) for k in kernels) / sum(k.size for k in kernels)

    def on_train_begin(self, logs=None):
        self._masks = []
        self._choose(self._step())

    def on_train_batch_end(self, batch, logs=None):
        step = self._step()
        if step >= self._next:
            self._choose(step)
            return
        for kernel, mask in zip(self.kernels(), self._masks, strict=True):
            kernel.assign(kernel * mask)

    def on_train_end(self, logs=None):
        if self._step() < self.end and self.sparsity > 0:
            logging.getLogger(__name__).warning(
                "The training ended at step %d, before `end` = %d of the pruning: the share of "
                "zeros is %.3f, and not %.3f.",
                self._step(),
                self.end,
                self.reached(),
                self.sparsity,
            )

    def _step(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def _choose(self, step: int) -> None:
        """Choose the weights of this step and set the others to zero."""
        # After `end` the choice holds; a step may have been one of several in one call.
        self._next = step + self.every if step >= self.end else min(step + self.every, self.end)
        earlier = self._masks or [kernel.numpy() != 0 for kernel in self.kernels()]
        self._masks = []
        for kernel, before in zip(self.kernels(), earlier, strict=True):
            values = np.abs(kernel.numpy()) * before
            smallest = np.argsort(values, axis=None, kind="stable")
            mask = before.astype(np.float32).reshape(-1)
            mask[smallest[: round(self.share(step) * values.size)]] = 0.0
            mask = mask.reshape(values.shape)
            kernel.assign(kernel * mask)
            self._masks.append(mask)


def _are_counts(*values) -> bool:
    return all(isinstance(value, numbers.Integral) for value in values)
