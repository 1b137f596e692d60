"""LightGCN under a pairwise or softmax loss, with a contrast of two perturbed views.

The contrast asks a node to be recognized although every layer's output was perturbed. Noise
makes it SimGCL; the worst case inside a ball of the same radius makes it adversarial.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.graph.propagation import InteractionGraph, NodeVectors
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.perturbations import Perturbation, worst_case

LOSSES = ("bpr", "softmax")
SIMGCL = Perturbation(epsilon=0.1, relative=True, direction="random")


class _Remembered:
    """The last value of a function, kept with a copy of its argument and compared by value.

    However the weights were changed (a step, `set_weights`, `load_weights`, an attack), what
    comes back belongs to the argument; a comparison costs far less than a propagation.
    """

    def __init__(self, function):
        self._function = function
        self._argument = self._value = None

    def __call__(self, argument: tf.Tensor) -> tf.Tensor:
        if self._argument is None or not bool(tf.reduce_all(argument == self._argument)):
            self._argument = tf.constant(argument.numpy())
            self._value = self._function(self._argument)
        return self._value


class LightGCN(RecommenderModel):
    """score(u, i) = dot product, or cosine, of vectors propagated over the training graph.

    He et al. 2020 (arXiv:2002.02126). `loss="bpr"` is the paper's, with one uniform negative
    from the batch's seed; `loss="softmax"` is `losses.sampled_softmax` over
    the batch's items, of score / temperature. A propagation costs the same whatever the batch:
    large batches train many times as fast, with `candidates` to keep their softmax and their
    contrast small. `num_layers` = 0 is a matrix factorization. It trains on `batches.of_pairs`.

    With `contrast` > 0 training adds `contrast` times the InfoNCE between two views of the
    batch's users, and the same for its items (those of the first `candidates` rows). In a view
    each layer's output has been moved inside the ball of `perturbation`, node by node, as in
    SimGCL (Yu et al. 2022, arXiv:2112.08679, there noise confined to the orthant of the output,
    here any direction). The first view is noise. The second is noise of its own for
    `direction="random"`; for `direction="gradient"` it is the one that the first view recognizes
    worst. Perturbations are constants to the training gradient.

    Args:
        interactions: the training rows: edges, item frequencies, ids.
        dim: length of a vector, >= 1.
        num_layers: propagation steps, >= 0.
        layer_weights: see `InteractionGraph`; by default the layers' mean.
        loss: "bpr" or "softmax".
        cosine: score by the cosine instead of the dot product.
        temperature: of the softmax, > 0; about .1 to .2 with the cosine.
        candidates: the softmax compares with the items of the first so many rows of the
            (shuffled) batch, and the contrast with their users and items, >= 2; None compares
            with all.
        hardness: >= 0; see `losses.sampled_softmax`.
        l2: factor of the squared norm of the batch's rows before propagation, >= 0.
        contrast: factor of the contrast, >= 0.
        contrast_temperature: > 0.
        perturbation: of the views.
        initial_scale: standard deviation of the initial vectors.

    Raises:
        ValueError: if an argument is out of range, `hardness` comes without the softmax, or
            `contrast` without a layer to perturb.
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 64,
        num_layers: int = 2,
        layer_weights: Sequence[float] | None = None,
        loss: str = "softmax",
        cosine: bool = True,
        temperature: float = 0.15,
        candidates: int | None = None,
        hardness: float = 0.0,
        l2: float = 0.0,
        contrast: float = 0.0,
        contrast_temperature: float = 0.2,
        perturbation: Perturbation = SIMGCL,
        initial_scale: float = 0.01,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if loss not in LOSSES:
            raise ValueError(f"`loss` should be one of {LOSSES}. Received: {loss!r}.")
        if dim < 1:
            raise ValueError(f"`dim` should be >= 1. Received: {dim!r}.")
        for name, value in (("hardness", hardness), ("l2", l2), ("contrast", contrast)):
            if not value >= 0:
                raise ValueError(f"`{name}` should be >= 0. Received: {value!r}.")
        for name, value in (
            ("temperature", temperature),
            ("contrast_temperature", contrast_temperature),
        ):
            if not value > 0:
                raise ValueError(f"`{name}` should be > 0. Received: {value!r}.")
        if hardness and loss != "softmax":
            raise ValueError(
                f"`hardness` should be 0 unless `loss` is 'softmax'. Received: {hardness!r}."
            )
        if candidates is not None and candidates < 2:
            raise ValueError(f"`candidates` should be >= 2 or None. Received: {candidates!r}.")
        if contrast and num_layers == 0:
            raise ValueError(
                f"`contrast` should be 0 where `num_layers` is 0. Received: {contrast!r}."
            )
        self.interactions = interactions
        self.loss_name = loss
        self.cosine = cosine
        self.temperature = temperature
        self.candidates = candidates
        self.hardness = hardness
        self.l2 = l2
        self.contrast = contrast
        self.contrast_temperature = contrast_temperature
        self.perturbation = perturbation
        self.graph = InteractionGraph(interactions, num_layers, layer_weights=layer_weights)
        self.node_layer = NodeVectors(
            self.graph.num_nodes, dim, stddev=initial_scale, seed=seed, name="node_vectors"
        )
        # At least one row, for an item that only generated rows hold.
        counts = np.maximum(interactions.item_counts(), 1)
        ratio = counts * (self.graph.num_items / max(len(interactions), 1))
        self._log_ratio = tf.constant(np.log(ratio), tf.float32)
        self._remembered = _Remembered(self._scored_by)
        if contrast:
            self._rank_loss = keras.metrics.Mean(name="rank_loss")
            self._contrast_loss = keras.metrics.Mean(name="contrast_loss")

    def call(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the scores."""
        return self.score(user_index)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Weighted mean of a batch from `batches.of_pairs`, in nats; the contrast in training
        only, where every node of the batch counts once."""
        nodes = self.node_layer(inputs["user_index"])
        layers = self.graph.layers(nodes)
        final = self.graph.combined(layers)
        row_losses = self._bpr if self.loss_name == "bpr" else self._softmax
        rank = losses.weighted_mean(row_losses(inputs, nodes, final), inputs["weight"])
        if not training or not self.contrast:
            return rank
        first, second = self.views(inputs, layers)
        contrast = self._contrast_of(inputs, first, second)
        self._rank_loss.update_state(rank)
        self._contrast_loss.update_state(contrast)
        return rank + self.contrast * contrast

    def views(self, inputs: dict[str, tf.Tensor], layers: list[tf.Tensor]):
        """The batch and the clean layers -> both views [num_nodes, dim], perturbed anew."""
        final, seed = self.graph.combined(layers), inputs["seed"]
        outputs = layers[1:]
        noise = dataclasses.replace(self.perturbation, direction="random")
        first = final + self.graph.shift(worst_case(None, outputs, noise, seed + [1, 0]))

        def gradients_at(deltas):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(deltas)
                loss = self._contrast_of(inputs, first, final + self.graph.shift(deltas))
            return tape.gradient(loss, deltas)

        deltas = worst_case(gradients_at, outputs, self.perturbation, seed + [2, 0])
        return first, final + self.graph.shift(deltas)

    def _contrast_of(self, inputs, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """Mean InfoNCE over the batch's users, plus that over its items."""
        total = 0.0
        for nodes in (inputs["user_index"], inputs["item_index"] + self.graph.num_users):
            nodes = tf.unique(nodes[: self.candidates]).y
            views = tf.gather(first, nodes), tf.gather(second, nodes)
            total += tf.reduce_mean(losses.info_nce(*views, self.contrast_temperature))
        return total

    def _bpr(self, inputs, nodes: tf.Tensor, final: tf.Tensor) -> tf.Tensor:
        items = inputs["item_index"]
        negative = tf.random.stateless_uniform(
            tf.shape(items), inputs["seed"], maxval=self.graph.num_items, dtype=tf.int32
        )
        rows = [inputs["user_index"]] + [self.graph.num_users + i for i in (items, negative)]
        user, liked, other = (self._scored(tf.gather(final, row)) for row in rows)
        pair_losses = losses.bpr(tf.reduce_sum(user * liked, -1), tf.reduce_sum(user * other, -1))
        return pair_losses + self._penalty(nodes, rows)

    def _softmax(self, inputs, nodes: tf.Tensor, final: tf.Tensor) -> tf.Tensor:
        items = inputs["item_index"]
        rows = [inputs["user_index"], self.graph.num_users + items]
        user, liked = (self._scored(tf.gather(final, row)) for row in rows)
        others = items[: self.candidates]
        scores = tf.matmul(user, liked[: self.candidates], transpose_b=True)
        row_losses = losses.sampled_softmax(
            tf.reduce_sum(user * liked, -1) / self.temperature,
            scores / self.temperature,
            tf.gather(self._log_ratio, others),
            others[None, :] == items[:, None],
            num_items=self.graph.num_items,
            hardness=self.hardness,
        )
        return row_losses + self._penalty(nodes, rows)

    def _penalty(self, nodes: tf.Tensor, rows: list[tf.Tensor]) -> tf.Tensor | float:
        if not self.l2:
            return 0.0
        return self.l2 * sum(tf.reduce_sum(tf.square(tf.gather(nodes, r)), -1) for r in rows)

    def _scored(self, vectors: tf.Tensor) -> tf.Tensor:
        return tf.math.l2_normalize(vectors, -1) if self.cosine else vectors

    def _scored_by(self, nodes: tf.Tensor) -> tf.Tensor:
        return self._scored(self.graph.combined(self.graph.layers(nodes)))

    def _vectors(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Vectors of users and items whose dot product is the score."""
        nodes = tf.convert_to_tensor(self.node_layer.vectors)
        final = self._remembered(nodes) if tf.executing_eagerly() else self._scored_by(nodes)
        return final[: self.graph.num_users], final[self.graph.num_users :]

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32.

        Called eagerly it propagates only when the weights have changed since the last call,
        and is a constant to gradients; inside a `tf.function` it propagates at every call.
        """
        users, items = self._vectors()
        return tf.matmul(tf.gather(users, user_index), items, transpose_b=True)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32, of length 1 where scores are cosines."""
        return self._vectors()[0].numpy()

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32, of length 1 where scores are cosines."""
        return self._vectors()[1].numpy()
