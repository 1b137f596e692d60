"""Adversarial training of any model that has layers to perturb.

`AdversarialTraining(model, perturbation)` is itself a `tfrs.Model`: it adds to the wrapped
model's loss the same loss with the outputs of chosen layers (by default every embedding
lookup, so exactly the rows of the batch) pushed to their worst case inside a norm ball.
He et al. 2018 (arXiv:1808.03908), eq. 6: L(theta) + weight * L(theta + delta). In
evaluation nothing is perturbed: scores come from the wrapped model itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs
from tensorflow import keras

from advrec_tf.models.recommender_model import RecommenderModel
from advrec_tf.models.row_model import RowAdversary, RowModel
from advrec_tf.perturbations import Perturbation, worst_case


@contextlib.contextmanager
def tapped(
    layers: Sequence[keras.layers.Layer],
    *,
    tape: tf.GradientTape | None = None,
    deltas: Sequence[tf.Tensor] | None = None,
) -> Iterator[list[tf.Tensor]]:
    """Within the block, layer outputs are collected, watched by `tape`, shifted by `deltas`.

    Outputs (before any shift) are collected in the order of the calls; a layer called
    twice gives two. `deltas` follow the same order. On leaving, the layers are as before.

    Raises:
        ValueError: if the block makes more or fewer calls than there are deltas.
    """
    outputs: list[tf.Tensor] = []

    def tap(call):
        def tapped_call(*args, **kwargs):
            output = call(*args, **kwargs)
            if deltas is not None:
                if len(outputs) >= len(deltas):
                    raise ValueError(
                        f"`deltas` should hold one tensor a layer call. Received {len(deltas)}, "
                        "and the model made another call."
                    )
                shifted = output + deltas[len(outputs)]
            else:
                shifted = tf.identity(output)
            if tape is not None:
                tape.watch(shifted)
            outputs.append(shifted)
            return shifted

        return tf.autograph.experimental.do_not_convert(tapped_call)

    before = [vars(layer).get("call") for layer in layers]
    for layer in layers:
        object.__setattr__(layer, "call", tap(layer.call))
    try:
        yield outputs
    finally:
        for layer, call in zip(layers, before, strict=True):
            object.__delattr__(layer, "call")
            if call is not None:
                object.__setattr__(layer, "call", call)
    if deltas is not None and len(outputs) != len(deltas):
        raise ValueError(
            f"`deltas` should hold one tensor a layer call. Received {len(deltas)}, "
            f"and the model made {len(outputs)} calls."
        )


def embedding_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Every `Embedding` inside a model, at any depth, each once."""
    return [
        layer
        for layer in model.submodules
        if isinstance(layer, keras.layers.Embedding) and layer.trainable
    ]


class AdversarialTraining(RecommenderModel):
    """Trains `model` against perturbations of what chosen layers put out.

    Args:
        model: anything with `compute_loss(inputs, training)` over dict batches that carry
            `weight` [batch] and `seed` [2]; its loss should be a weighted mean over the
            batch, and repeatable for equal inputs.
        perturbation: the adversary's budget; `direction="random"` is the control.
        layers: layers whose outputs are perturbed row by row; by default all embeddings.
        weight: factor of the adversarial loss, >= 0.
        share: share of the batch's examples whose loss is taken adversarially as well, in
            (0, 1]; the first ones of a shuffled batch. 1 is He et al.'s method.
        vulnerability: lambda >= 0 of vulnerability-aware training (VAT, Zhang et al. 2024): the
            radius of each example is epsilon * lambda * `vulnerable_share` of its user; 0 gives
            all the same radius. Only for a `RowModel` trained in blocks.

    Raises:
        ValueError: if an argument is out of range or there is no layer to perturb.
    """

    def __init__(
        self,
        model: tfrs.Model,
        perturbation: Perturbation,
        *,
        layers: Sequence[keras.layers.Layer] | None = None,
        weight: float = 1.0,
        share: float = 0.2,
        vulnerability: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if vulnerability < 0 or (vulnerability and not isinstance(model, RowModel)):
            raise ValueError(
                "`vulnerability` should be >= 0, and 0 unless the model is a `RowModel`. "
                f"Received: {vulnerability!r} and {type(model).__name__}."
            )
        if not isinstance(perturbation, Perturbation):
            raise ValueError(
                "`perturbation` should be a `Perturbation`, such as fgsm(0.25). "
                f"Received: {perturbation!r}."
            )
        if weight < 0 or not 0 < share <= 1:
            raise ValueError(
                "`weight` should be >= 0 and `share` in (0, 1]. "
                f"Received: {weight!r} and {share!r}."
            )
        self.model = model
        self.perturbation = perturbation
        self.weight = weight
        self.share = share
        self.vulnerability = vulnerability
        self._chose_layers = layers is not None
        self._tapped = tuple(embedding_layers(model) if layers is None else layers)
        if not self._tapped:
            raise ValueError(
                "`layers` should name a layer to perturb, such as layers=[model.item_layer]: "
                f"{type(model).__name__} has no trainable Embedding. Received none."
            )
        self._clean_loss = keras.metrics.Mean(name="clean_loss")
        self._adversarial_loss = keras.metrics.Mean(name="adversarial_loss")

    @property
    def metrics(self):
        return [self._epoch_loss, self._clean_loss, self._adversarial_loss]

    @property
    def interactions(self):
        return self.model.interactions

    def call(self, inputs, training=False):
        return self.model(inputs, training=training)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self.model.score(user_index)

    def user_vectors(self):
        return self.model.user_vectors()

    def item_vectors(self):
        return self.model.item_vectors()

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """As `RecommenderModel`; a block of steps for a `RowModel` runs compiled as a whole.

        A model that counts its updates (has `step_done`) is told of each.
        """
        if not isinstance(self.model, RowModel) or inputs["weight"].shape.rank == 1:
            logs = super().train_step(inputs)
            if hasattr(self.model, "step_done"):
                self.model.step_done()
            return logs
        if self._chose_layers:
            raise ValueError(
                "`layers` should be left out where blocks of steps are trained: a `RowModel` "
                "names its attackable rows. Received layers and a block."
            )
        adversary = None
        if self.weight and self.perturbation.epsilon:
            adversary = RowAdversary(self.perturbation, self.weight, self.share, self.vulnerability)
        logs = self.model.train_block(inputs, self.optimizer, adversary)
        self._epoch_loss.update_state(logs["loss"])
        if adversary is not None:
            self._clean_loss.update_state(logs["clean_loss"])
            self._adversarial_loss.update_state(logs["adversarial_loss"])
        return {metric.name: metric.result() for metric in self.metrics}

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Clean loss in evaluation; with the adversarial term in training."""
        if not training or self.weight == 0 or self.perturbation.epsilon == 0:
            return self.model.compute_loss(inputs, training=training)
        if self.vulnerability:
            raise ValueError(
                "`vulnerability` needs blocks of batches (`data.batches.in_blocks`). "
                "Received a single batch."
            )

        def taped(batch, deltas=None):
            """Loss, what the layers put out, and the gradient of the loss at that."""
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                with tapped(self._tapped, tape=tape, deltas=deltas) as outputs:
                    loss = self.model.compute_loss(batch, training=training)
            return loss, outputs, tape.gradient(loss, outputs, unconnected_gradients="zero")

        if self.share == 1:
            # What the adversary climbs is the clean loss: one pass serves both.
            attacked = inputs
            clean, values, gradients = taped(attacked)
        else:
            attacked = self._first_share(inputs)
            clean = self.model.compute_loss(inputs, training=training)
            _, values, gradients = taped(attacked)
        at_start = [gradients]  # the first step starts from no perturbation

        def gradients_at(deltas):
            return at_start.pop() if at_start else taped(attacked, deltas)[2]

        values = [tf.stop_gradient(value) for value in values]
        deltas = worst_case(gradients_at, values, self.perturbation, inputs["seed"])
        with tapped(self._tapped, deltas=deltas):
            adversarial = self.model.compute_loss(attacked, training=training)
        self._clean_loss.update_state(clean)
        self._adversarial_loss.update_state(adversarial)
        return clean + self.weight * self.share * adversarial

    def _first_share(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The batch with no weight left on the examples after the first `share`."""
        examples = tf.shape(inputs["weight"])[0]
        chosen = tf.cast(tf.math.ceil(self.share * tf.cast(examples, tf.float32)), tf.int32)
        kept = tf.cast(tf.range(examples) < chosen, tf.float32)
        return {**inputs, "weight": inputs["weight"] * kept}
