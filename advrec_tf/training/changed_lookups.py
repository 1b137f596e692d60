"""The base of training in which the items that are read are changed before the encoder sees them.

What is to be predicted stays as it was. Which change is left to `training.random_substitutions`,
`training.gradient_substitutions` and `training.neighbor_mixtures`.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.ops.checks import require_seed
from advrec_tf.training.batch_parts import seed_of
from advrec_tf.training.perturb_outputs import replaced_calls
from advrec_tf.training.wrapped import layers_to_perturb
from advrec_tf.training.wrapper import ModelWrapper


class ChangedLookups(ModelWrapper):
    """Trains `model` with some of one embedding's lookups changed; a subclass says how.

    Evaluation and predictions read items as they are.

    Args:
        model: anything with `compute_loss(inputs, training)`.
        layer: the `Embedding` of items that are read, or its name, such as "item_rows". Indices
            outside of 0..num_items - 1, such as padding, stay.
        num_items: items that are changed and that come in, >= 1 and at most those of the layer.
        rate: fraction of the items that are changed, in (0, 1].
        seed: a whole number of 32 bits, of the draws where batches carry none.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        layer: keras.layers.Layer | str,
        num_items: int,
        rate: float = 0.1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(model, **kwargs)
        if not 0 < rate <= 1:
            raise ValueError(f"`rate` should be in (0, 1]. Received: {rate!r}.")
        if num_items < 1:
            raise ValueError(f"`num_items` should be >= 1. Received: {num_items!r}.")
        self._layers_read = layers_to_perturb(model, [layer])
        self._check_num_items(num_items)
        self.num_items, self.rate, self.seed = num_items, rate, require_seed(seed)

    def compute_loss(self, inputs, training: bool = False) -> tf.Tensor:
        """The model's own loss; in training at changed lookups."""
        if not training:
            return self.wrapped_loss(inputs, training)
        seed = seed_of(inputs, self.seed, self.steps_done, same=True)
        change = self.change_for(inputs, seed)
        with replaced_calls(
            self._layers_read, lambda _, lookup, index: change(lookup, index, seed)
        ):
            return self.wrapped_loss(inputs, training)

    def _check_num_items(self, num_items: int) -> None:
        """Whether the layer has a row for each item that may come in, where it tells its rows.

        Raises:
            ValueError: if not.
        """
        layer = self._layers_read[0]
        rows = getattr(layer, "num_items", getattr(layer, "input_dim", None))
        if rows is not None and num_items > rows:
            raise ValueError(
                f"`num_items` should be at most {rows}, the items of the layer {layer.name!r}. "
                f"Received: {num_items!r}."
            )

    def change_for(self, inputs, seed: tf.Tensor) -> Callable:
        """What stands in the place of `changed` for one batch; by default that itself."""
        return self.changed

    def changed(self, lookup, index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Indices -> vectors, some other than what `lookup` returns of them; the same for the same
        seed."""
        raise NotImplementedError(f"{type(self).__name__} does not define `changed`.")
