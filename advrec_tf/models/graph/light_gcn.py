"""LightGCN under a pairwise or a softmax objective, with a contrast of two perturbed views.

The contrast asks a node to be recognized although every layer's output was perturbed. Noise
makes it SimGCL; the worst case inside a ball of the same radius makes it adversarial.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.negatives import Generator, InBatch
from advrec_tf.models.graph.propagation import InteractionGraph, NodeVectors
from advrec_tf.models.objectives import Objective, SampledSoftmax, require_objective
from advrec_tf.models.replicas import mean_over_replicas, num_replicas, of_global_batch
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.ops.random import stream
from advrec_tf.perturbations import Perturbation, worst_case


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast:
    """The InfoNCE between two views of the batch's users, and the same for its items.

    In a view each layer's output has been moved inside the ball of `perturbation`, node by node,
    as in SimGCL (Yu et al. 2022, arXiv:2112.08679, there noise confined to the orthant of the
    output, here any direction). The first view is noise. The second is noise of its own for
    `direction="random"`; for `direction="gradient"` it is the one that the first view recognizes
    worst. Perturbations are constants to the training gradient.

    Attributes:
        weight: factor of the contrast beside the ranking loss, > 0.
        temperature: of the InfoNCE, > 0.
        candidates: the users and items of the first so many examples of the (shuffled) batch are
            compared, >= 2; None compares all.
        perturbation: of the views.

    Raises:
        ValueError: if a number is out of range.
    """

    weight: float = 0.1
    temperature: float = 0.2
    candidates: int | None = None
    perturbation: Perturbation = Perturbation(epsilon=0.1, relative=True, direction="random")

    def __post_init__(self):
        for name in ("weight", "temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` should be > 0. Received: {getattr(self, name)!r}.")
        if self.candidates is not None and self.candidates < 2:
            raise ValueError(f"`candidates` should be >= 2 or None. Received: {self.candidates!r}.")


class LightGCN(RecommenderModel):
    """score(u, i) = dot product, or cosine, of vectors propagated over the training graph.

    He et al. 2020 (arXiv:2002.02126), whose objective is `BPR()`. A propagation costs the same
    whatever the batch: large batches train many times as fast, with `candidates` of
    `SampledSoftmax` and of `Contrast` to keep their products small. `num_layers` = 0 is a matrix
    factorization. It trains on `batches.of_pairs`.

    Args:
        interactions: the training interactions: edges, item frequencies, ids.
        dim: length of a vector, >= 1.
        num_layers: propagation steps, >= 0; the layers' mean is what scores.
        objective: what is minimized, see `models.objectives`; any but `BPR(Generator())`.
        l2: factor of the squared norm of the vectors of user and items before propagation, >= 0.
        contrast: what is added to the objective in training; None adds nothing.
        initial_scale: standard deviation of the initial vectors.
        seed: of the initial vectors.

    Raises:
        ValueError: if an argument is out of range, the objective trains a generator, or
            `contrast` comes without a layer to perturb.
    """

    loss_is_share = True
    replicated = True

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 64,
        num_layers: int = 2,
        objective: Objective = SampledSoftmax(InBatch(), temperature=0.15, cosine=True),
        l2: float = 0.0,
        contrast: Contrast | None = None,
        initial_scale: float = 0.01,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dim < 1 or not l2 >= 0:
            raise ValueError(f"`dim` should be >= 1 and `l2` >= 0. Received: {dim!r}, {l2!r}.")
        require_objective(objective)
        if contrast is not None and num_layers == 0:
            raise ValueError(
                f"`contrast` should be None where `num_layers` is 0. Received: {contrast!r}."
            )
        if isinstance(objective.negatives, Generator):
            raise ValueError(
                "`objective` should have no Generator, which is a factorization beside a "
                f"factorization. Received: {objective!r}."
            )
        self.interactions = interactions
        self.l2 = l2
        self.contrast = contrast
        self.graph = InteractionGraph(interactions, num_layers)
        self.node_layer = NodeVectors(
            self.graph.num_nodes, dim, stddev=initial_scale, seed=seed, name="node_vectors"
        )
        self.objective = objective.bind(interactions)
        self._remembered = _Remembered(self._scored_by)
        if contrast is not None:
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
        rank = mean_over_replicas(*self._example_losses(inputs, nodes, final))
        if not training or self.contrast is None:
            return rank
        nodes = of_global_batch([inputs["user_index"], inputs["item_index"]])
        inputs = {**inputs, "user_index": nodes[0], "item_index": nodes[1]}
        first, second = self.views(inputs, layers)
        contrast = self._contrast_of(inputs, first, second)
        self._rank_loss.update_state(self.of_global_batch(rank))
        self._contrast_loss.update_state(contrast)
        # Every replica has the contrast of the global batch.
        return rank + self.contrast.weight / num_replicas() * contrast

    def _example_losses(self, inputs, nodes: tf.Tensor, final: tf.Tensor):
        """[batch] losses with their weights [batch], from the vectors before and after
        propagation."""
        num_users = self.graph.num_users

        def score(user_index, item_index):
            user = tf.stop_gradient(tf.gather(final, user_index))[:, None]
            return tf.reduce_sum(user * tf.gather(final, num_users + item_index), -1)

        inputs = self.objective.draw(inputs, score, {})
        index = {
            "user": inputs["user_index"],
            "positive": num_users + inputs["item_index"],
            "negative": num_users + inputs["negative"],
        }
        rows = {name: tf.gather(final, node) for name, node in index.items()}
        values = self.objective.example_losses(rows, inputs)
        if self.l2:
            if not self.objective.has_own_negatives:
                del index["negative"]
            squares = [tf.reduce_sum(tf.square(tf.gather(nodes, i)), -1) for i in index.values()]
            values += self.l2 * sum(squares)
        return values, inputs["weight"]

    def views(self, inputs: dict[str, tf.Tensor], layers: list[tf.Tensor]):
        """The batch and the clean layers -> both views [num_nodes, dim], perturbed anew."""
        final, seed = self.graph.combined(layers), inputs["seed"]
        outputs = layers[1:]
        noise = dataclasses.replace(self.contrast.perturbation, direction="random")
        first = final + self.graph.shift(
            worst_case(None, outputs, noise, stream(seed, "first view"))
        )

        def gradients_at(deltas):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(deltas)
                loss = self._contrast_of(inputs, first, final + self.graph.shift(deltas))
            return tape.gradient(loss, deltas)

        perturbation = self.contrast.perturbation
        deltas = worst_case(gradients_at, outputs, perturbation, stream(seed, "second view"))
        return first, final + self.graph.shift(deltas)

    def _contrast_of(self, inputs, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """Mean InfoNCE over the batch's users, plus that over its items."""
        total = 0.0
        for nodes in (inputs["user_index"], inputs["item_index"] + self.graph.num_users):
            nodes = tf.unique(nodes[: self.contrast.candidates]).y
            views = tf.gather(first, nodes), tf.gather(second, nodes)
            total += tf.reduce_mean(losses.info_nce(*views, self.contrast.temperature))
        return total

    def _scored_by(self, nodes: tf.Tensor) -> tf.Tensor:
        return self.objective.scored(self.graph.combined(self.graph.layers(nodes)))

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
