"""A table generator whose rows come from a network with a raw output: `draw`, compiled once.

What the GAN and the variational generator share beyond training.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.ops.random import stream
from advrec_tf.tabular.conditions import Conditions
from advrec_tf.tabular.generator import BLOCK, TableGenerator
from advrec_tf.tabular.networks import drawn_codes, widened
from advrec_tf.tabular.transform import EncodedRows, TableTransform


class NetworkGenerator(TableGenerator):
    """Mixin: `draw` on top of `raw_rows`.

    A subclass sets `transform`, `conditional` and `noise_dim`, and implements
    `raw_rows(noise, condition, seed) -> raw [batch, raw_width]`.
    """

    noise_dim: int
    conditions: Conditions

    def raw_rows(self, noise: tf.Tensor, condition: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not define `raw_rows`.")

    def served_weights(self) -> list:
        """The variables that `raw_rows` reads: all that an export needs."""
        raise NotImplementedError(f"{type(self).__name__} does not define `served_weights`.")

    def set_up(self, transform: TableTransform, conditional: tuple[str, ...]) -> None:
        """To be called once by the subclass's constructor."""
        self.transform = transform
        self.layout = transform.layout
        self.conditional = tuple(conditional)
        self.conditions = Conditions(self.layout, self.conditional)
        self._drawing = tf.function(self.draw_codes, reduce_retracing=True)

    def draw_codes(self, count, seed, choices, numbers, flags):
        """In the graph: (choices [count, columns], numbers [count, numbers]).

        Args:
            seed: [2] int32.
            choices, numbers: given rows; read where flagged.
            flags: [count, conditional columns] of 0/1.
        """
        given = widened(choices, numbers, self.layout)
        noise = tf.random.stateless_normal(
            [count, self.noise_dim], stream(seed, "noise of the record")
        )
        raw = self.raw_rows(noise, self.conditions.read(given, flags), seed)
        drawn, positions = drawn_codes(raw, self.layout, seed)
        for i, column in enumerate(self.conditions.columns):
            flag = flags[:, i] > 0
            keep = tf.one_hot(column, len(self.layout.widths), on_value=True, off_value=False)
            drawn = tf.where(flag[:, None] & keep[None, :], choices, drawn)
            place = self.layout.number_of[column]
            if place >= 0:
                at = tf.one_hot(place, self.layout.num_numbers, on_value=True, off_value=False)
                positions = tf.where(flag[:, None] & at[None, :], numbers, positions)
        return drawn, positions

    def draw(self, count, seed, given, mask):
        columns = len(self.layout.widths)
        flags = np.zeros((BLOCK, len(self.conditions.columns)), np.float32)
        flags[:] = mask[self.conditions.columns]
        choices = np.zeros((BLOCK, columns), np.int32)
        numbers = np.zeros((BLOCK, self.layout.num_numbers), np.float32)
        if given is not None:
            choices[:count], numbers[:count] = given.choices, given.numbers
        size = min(BLOCK, 1 << max(count - 1, 0).bit_length())  # few shapes, few traces
        drawn = self._drawing(
            tf.constant(size),
            tf.constant(seed, tf.int32),
            tf.constant(choices[:size]),
            tf.constant(numbers[:size]),
            tf.constant(flags[:size]),
        )
        return EncodedRows(*(part.numpy()[:count] for part in drawn))
