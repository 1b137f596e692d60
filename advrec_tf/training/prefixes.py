"""Virtual adversarial training of sequence models: smooth on histories whose next item is unknown.

The term itself is in `training.virtual_adversarial`; here histories stand where texts do there.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.windows import Windows
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.virtual_adversarial import VirtualAdversarialTraining
from advrec_tf.training.wrapped import layers_to_perturb


def virtual_adversarial_prefixes(
    model: SequenceModel,
    perturbation: Perturbation,
    prefixes: Windows,
    *,
    layers: Sequence[keras.layers.Layer | str] | keras.layers.Layer | str = ("item_rows",),
    batch_size: int = 32,
    weight: float = 1.0,
    probe: float = 0.1,
) -> VirtualAdversarialTraining:
    """Trains `model` so that the state after a history keeps its direction when the history's
    vectors move.

    No next item is needed, so `prefixes` may be those of users who are not trained on: of one item,
    of the last days, of another site. The states are those of serving, without dropout.

    Args:
        model: what is trained.
        perturbation: the budget; `direction="random"` is the control.
        prefixes: histories, such as `data.windows.last_windows(interactions, model.length)`.
        layers, batch_size, weight, probe: see `VirtualAdversarialTraining`.

    Raises:
        ValueError: if an argument is out of range, or there is no history.
    """
    items = tf.constant(prefixes.items[prefixes.lengths() > 0], tf.int32)
    if not len(items):
        raise ValueError("`prefixes` should hold a history. Received none with an item.")

    def tower(chosen, training=False):
        return model.last_states(tf.gather(items, chosen))

    return VirtualAdversarialTraining(
        model,
        perturbation,
        tower=tower,
        layers=layers_to_perturb(model, layers),
        items=range(len(items)),
        batch_size=batch_size,
        weight=weight,
        probe=probe,
    )
