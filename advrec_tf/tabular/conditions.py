"""Conditions on columns, for networks that write table rows: reading them, keeping to them.

In training each conditional column of a real row is shown to the network with probability
one half, so that one network answers for any set of given columns, the empty one included.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.models.replicas import drawn_for_rows
from advrec_tf.ops.random import stream
from advrec_tf.tabular.transform import RowLayout, positions_of


class Conditions:
    """The conditional columns of a layout.

    Args:
        layout: of the rows.
        names: conditional columns; none is allowed.

    Attributes:
        width: of what a network reads: the columns' places in a row, and a flag a column.

    Raises:
        ValueError: if a name is not in the layout.
    """

    def __init__(self, layout: RowLayout, names: tuple[str, ...] = ()):
        self.columns = positions_of(layout, names)
        at = layout.columns_at()
        self._places = np.flatnonzero(np.isin(at, self.columns)).astype(np.int32)
        # [columns of the condition, width of a row]: which places a column has
        self._spread = (self.columns[:, None] == at[None, :]).astype(np.float32)
        self.width = len(self._places) + len(self.columns)

    def shown(self, batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Flags [batch, conditional columns] of 0/1, each 1 with probability one half."""
        uniform = drawn_for_rows(
            tf.random.stateless_uniform,
            tf.stack([batch, len(self.columns)]),
            stream(seed, "shown conditions"),
        )
        return tf.cast(uniform < 0.5, tf.float32)

    def read(self, rows: tf.Tensor, flags: tf.Tensor) -> tf.Tensor:
        """Rows [batch, width of a row] and flags -> condition [batch, width]: what is not
        flagged is zero."""
        kept = rows * tf.matmul(flags, self._spread)
        return tf.concat([tf.gather(kept, self._places, axis=1), flags], axis=1)

    def keep(self, written: tf.Tensor, rows: tf.Tensor, flags: tf.Tensor) -> tf.Tensor:
        """Written rows with the flagged columns of `rows` put in."""
        mask = tf.matmul(flags, self._spread)
        return written * (1.0 - mask) + rows * mask
