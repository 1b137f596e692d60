"""Which states of a batch of histories are trained on which items, in a row for the objectives."""

from __future__ import annotations

import tensorflow as tf

from advrec_tf.data.sequences import NONE


def predicted(
    states: tf.Tensor, targets: tf.Tensor, inputs: dict[str, tf.Tensor], *, static: bool = False
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """The states before the items that are predicted, and what `SequenceLoss.total` reads of them.

    Args:
        states: [batch, places, dim].
        targets: [batch, places] int32, `NONE` where nothing is predicted.
        inputs: `user_index` and `weight` [batch], `seed` [2].
        static: whether the shapes should be known beforehand, as XLA wants it: then the places left
            over repeat the targets of the batch in turn, with weight 0.

    Returns:
        (states [n, dim], {"item_index", "user_index", "weight": [n] each, "seed": [2]}), where n is
        how many items are predicted, or batch * places.
    """
    there = targets != NONE
    if static:
        there = tf.reshape(there, [-1])
        count = tf.math.count_nonzero(there, dtype=tf.int32)
        number = tf.range(tf.size(there))
        in_order = tf.argsort(tf.cast(~there, tf.int32), stable=True)  # what is there comes first
        place = tf.gather(in_order, number % tf.maximum(count, 1))
        row = place // tf.shape(targets)[1]
        counted = tf.cast(number < count, tf.float32)
    else:
        place = tf.where(tf.reshape(there, [-1]))[:, 0]
        row = place // tf.shape(targets, place.dtype)[1]
        counted = 1.0
    found = {
        "item_index": tf.maximum(tf.gather(tf.reshape(targets, [-1]), place), 0),
        "user_index": tf.gather(inputs["user_index"], row),
        "weight": tf.gather(inputs["weight"], row) * counted,
        "seed": inputs["seed"],
    }
    return tf.gather(tf.reshape(states, [-1, states.shape[-1]]), place), found
