"""Is this fact in the graph? The question that negative sampling of facts asks."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.knowledge_graph import KnowledgeGraph


class KnownTriples(tf.Module):
    """Is this triple in the graph? Answered inside compiled functions, 8 bytes a triple.

    A binary search over sorted keys; static in shape, so XLA compiles it.

    Raises:
        ValueError: if entities^2 * relations is beyond 64 bits.
    """

    def __init__(self, graph: KnowledgeGraph):
        super().__init__(name="known_triples")
        self._entities, self._relations = graph.num_entities, graph.num_relations
        size = self._entities**2 * self._relations
        if size >= 2**63:
            raise ValueError(f"`graph` should have < 2^63 possible triples. Received: {size:,}.")
        ends = graph.heads.astype(np.int64) * self._relations + graph.relations
        keys = np.unique(ends * self._entities + graph.tails)
        # Padded to 2^n - 1 keys, so that every search takes the same n halvings.
        self._halvings = len(keys).bit_length()
        keys = np.append(keys, np.full(2**self._halvings - 1 - len(keys), 2**63 - 1))
        self._keys = tf.constant(keys, tf.int64)

    def known(self, head: tf.Tensor, relation: tf.Tensor, tail: tf.Tensor) -> tf.Tensor:
        """int32 tensors of one shape -> bool."""
        head, relation, tail = (tf.cast(index, tf.int64) for index in (head, relation, tail))
        wanted = (head * self._relations + relation) * self._entities + tail
        below = tf.zeros_like(wanted)  # how many keys are known to be smaller
        for halving in reversed(range(self._halvings)):
            middle = below + (2**halving - 1)
            below = tf.where(tf.gather(self._keys, middle) < wanted, middle + 1, below)
        place = tf.minimum(below, len(self._keys) - 1)
        return tf.gather(self._keys, place) == wanted
