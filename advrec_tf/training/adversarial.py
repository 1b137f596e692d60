"""Adversarial training of any model that has layers to perturb.

`AdversarialTraining(model, perturbation)` is itself a `tfrs.Model`: it adds to the wrapped
model's loss the same loss with the outputs of chosen layers (by default every embedding
lookup, so exactly the rows of the batch) pushed to their worst case inside a norm ball.
He et al. 2018 (arXiv:1808.03908), eq. 6: L(theta) + weight * L(theta + delta). In
evaluation nothing is perturbed: scores come from the wrapped model itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.factorization.sparse_model import EmbeddingAdversary, SparseEmbeddingModel
from advrec_tf.perturbations import Perturbation, worst_case
from advrec_tf.training.perturb_outputs import perturb_outputs
from advrec_tf.training.wrapper import ModelWrapper, layers_to_perturb, require_perturbation


class AdversarialTraining(ModelWrapper):
    """Trains `model` against perturbations of what chosen layers put out.

    Args:
        model: anything with `compute_loss(inputs, training)` over dict batches that carry
            `weight` [batch] and `seed` [2]; its loss should be a weighted mean over the
            batch, and repeatable for equal inputs.
        perturbation: the adversary's budget; `direction="random"` is the control.
        layers: layers whose outputs are perturbed row by row; by default all embeddings.
        weight: factor of the adversarial loss, >= 0.
        fraction: share of the batch's examples whose loss is taken adversarially as well, in
            (0, 1]; the first ones of a shuffled batch. 1 is He et al.'s method.
        vulnerability: lambda >= 0 of vulnerability-aware training (VAT, Zhang et al. 2024): the
            radius of each example is epsilon * lambda * `vulnerable_fraction` of its user; 0 gives
            all the same radius. Only for a `SparseEmbeddingModel` trained in blocks.

    Raises:
        ValueError: if an argument is out of range or there is no layer to perturb.
    """

    def __init__(
        self,
        model: keras.Model,
        perturbation: Perturbation,
        *,
        layers: Sequence[keras.layers.Layer] | None = None,
        weight: float = 1.0,
        fraction: float = 0.2,
        vulnerability: float = 0.0,
        **kwargs,
    ):
        super().__init__(model, **kwargs)
        self.perturbation = require_perturbation(perturbation)
        if vulnerability < 0 or (vulnerability and not isinstance(model, SparseEmbeddingModel)):
            raise ValueError(
                "`vulnerability` should be >= 0, and 0 unless the model is a "
                "`SparseEmbeddingModel`. "
                f"Received: {vulnerability!r} and {type(model).__name__}."
            )
        if weight < 0 or not 0 < fraction <= 1:
            raise ValueError(
                "`weight` should be >= 0 and `fraction` in (0, 1]. "
                f"Received: {weight!r} and {fraction!r}."
            )
        self.weight = weight
        self.fraction = fraction
        self.vulnerability = vulnerability
        self._chose_layers = layers is not None
        self._perturbed_layers = layers_to_perturb(model, layers)
        self._clean_loss = keras.metrics.Mean(name="clean_loss")
        self._adversarial_loss = keras.metrics.Mean(name="adversarial_loss")

    @property
    def metrics(self):
        return [self._epoch_loss, self._clean_loss, self._adversarial_loss]

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """As `ModelWrapper`; a block of steps for a `SparseEmbeddingModel` runs compiled as a
        whole."""
        if not isinstance(self.model, SparseEmbeddingModel) or inputs["weight"].shape.rank == 1:
            return super().train_step(inputs)
        if self._chose_layers:
            raise ValueError(
                "`layers` should be left out where blocks of steps are trained: a "
                "`SparseEmbeddingModel` "
                "names its attackable rows. Received layers and a block."
            )
        adversary = None
        if self.weight and self.perturbation.epsilon:
            adversary = EmbeddingAdversary(
                self.perturbation, self.weight, self.fraction, self.vulnerability
            )
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
                with perturb_outputs(self._perturbed_layers, tape=tape, deltas=deltas) as outputs:
                    loss = self.model.compute_loss(batch, training=training)
            gradients = tape.gradient(loss, list(outputs), unconnected_gradients="zero")
            return loss, outputs, gradients

        if self.fraction == 1:
            # What the adversary climbs is the clean loss: one pass serves both.
            attacked = inputs
            clean, values, gradients = taped(attacked)
        else:
            attacked = self._first_share(inputs)
            clean = self.model.compute_loss(inputs, training=training)
            _, values, gradients = taped(attacked)
        deltas = worst_case(
            lambda deltas: taped(attacked, deltas)[2],
            [tf.stop_gradient(value) for value in values],
            self.perturbation,
            inputs["seed"],
            at_zero=gradients,
            parts=values.parts,
        )
        with perturb_outputs(self._perturbed_layers, deltas=deltas):
            adversarial = self.model.compute_loss(attacked, training=training)
        self._clean_loss.update_state(clean)
        self._adversarial_loss.update_state(adversarial)
        return clean + self.weight * self.fraction * adversarial

    def _first_share(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The batch with no weight left on the examples after the first `fraction`."""
        examples = tf.shape(inputs["weight"])[0]
        chosen = tf.cast(tf.math.ceil(self.fraction * tf.cast(examples, tf.float32)), tf.int32)
        kept = tf.cast(tf.range(examples) < chosen, tf.float32)
        return {**inputs, "weight": inputs["weight"] * kept}
