"""The output of a signature that says which columns of a request hold a value that is unknown.

A category that the model has not seen is served as a missing one, so that an answer alone does not
tell a misspelled value from none.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

NAME = "unknown_columns"
"""Of the output."""


def unknown_columns(strange: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The output, [batch, columns] string: the inputs whose value is unknown, "" in the places of
    the others; none where no column has categories.

    Args:
        strange: input name -> [batch] bool, where its value is unknown.
    """
    if not strange:
        return {}
    where = tf.stack(list(strange.values()), axis=1)
    return {NAME: tf.where(where, tf.constant(list(strange))[None, :], "")}
