"""Adversarial training of any model that has layers to perturb.

`AdversarialTraining(model, perturbation)` is itself a model to `compile` and `fit`: it adds to the
wrapped model's loss the same loss with the outputs of chosen layers (by default every embedding
lookup, so exactly the vectors of the batch) pushed to their worst case inside a norm ball.
In evaluation nothing is perturbed: predictions come from the wrapped model itself. The term is in
`training.adversarial_term`, what wrapping means in `training.wrapper`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.models.trained import (
    RecommenderModel,
    gradients_and_ascent,
)
from advrec_tf.ops.checks import is_number, require_seed
from advrec_tf.ops.random import seed_of_step
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial_term import (
    AdversarialGradients,
    AdversarialTerm,
    Evaluation,
    usable_ascent,
    with_gradients,
)
from advrec_tf.training.attacked_rows import LOGGED, attacked_steps, first_radius_and_norm
from advrec_tf.training.batch_parts import first_fraction, seed_of
from advrec_tf.training.callbacks import RadiusCheck
from advrec_tf.training.perturb_outputs import perturb_outputs
from advrec_tf.training.wrapped import layers_to_perturb, loss_is_summed, require_perturbation
from advrec_tf.training.wrapper import ModelWrapper, innermost


class AdversarialTraining(ModelWrapper):
    """Trains `model` against perturbations of what chosen layers return.

    He et al. 2018 (arXiv:1808.03908), eq. 6, for any model:

        loss + weight * fraction * loss of a fraction of the batch at the worst case

    Of a loss that is a sum over the batch the fraction has that much less, and the factor is
    `weight` alone: `keras.losses.Loss` objects say so, such as that of `tfrs.tasks.Retrieval`, and
    a model whose own code sums says it by an attribute, `loss_is_summed = True`.

    Nothing is required of a batch. `AdversarialTraining(model, fgsm(0.1))` is a good first choice:
    a relative radius, the default, fits embeddings of any scale. An absolute radius above their
    norm lets nothing be learned; `fit` warns of it. Of a fraction, models of this package keep all
    examples of a batch, with weight 0 after the fraction; for other models the batch is cut, and
    an in-batch softmax then has as many fewer negatives.

    Args:
        model: a `tfrs.Model`, or a `keras.Model` compiled with a loss, unchanged.
        perturbation: the adversary's budget; `direction="random"` is the control.
        layers: layers, or their names, or a single one, whose outputs are perturbed vector by
            vector; by default all trainable embeddings.
        weight: factor of the adversarial loss, >= 0.
        fraction: of the batch's examples whose loss is taken adversarially as well, in (0, 1]; the
            first ones of a shuffled batch. 1 is He et al.'s method.
        vulnerability: lambda >= 0 of vulnerability-aware training (Zhang et al. 2024): the radius
            of each example is epsilon * lambda * `vulnerable_fraction` of its user; 0 gives
            all the same radius. Only for a `SparseEmbeddingModel` trained in blocks.
        warmup_steps: training steps before the adversary enters. 0, the default, is the method as
            published; from scratch, an epoch's worth of steps is safer.
        seed: of the noise, and of what the model draws, where batches carry none (the key `seed` of
            `data.batches`).

    Warns:
        UserWarning: if some losses of the model are sums and some are means, and the model does not
            say which to go by.

    Raises:
        ValueError: if an argument is out of range, there is no layer to perturb, `model` trains by
            a `train_step` of its own, or is trained adversarially already.

    Examples:
        >>> import advrec_tf as ar
        >>> import tensorflow as tf
        >>> inputs = tf.keras.Input([], dtype=tf.int32)
        >>> vectors = tf.keras.layers.Embedding(5, 4)(inputs)
        >>> network = tf.keras.Model(inputs, tf.keras.layers.Dense(1)(vectors))
        >>> network.compile(loss="mse", optimizer="sgd")
        >>> model = ar.AdversarialTraining(network, ar.fgsm(0.1, relative=True))
        >>> model.compile(optimizer="sgd")
        >>> history = model.fit(tf.range(4), tf.ones([4, 1]), batch_size=4, verbose=0).history
        >>> sorted(history)
        ['adversarial_loss', 'clean_loss', 'loss']
    """

    def __init__(
        self,
        model: keras.Model,
        perturbation: Perturbation,
        *,
        layers: Sequence[keras.layers.Layer | str] | keras.layers.Layer | str | None = None,
        weight: float = 1.0,
        fraction: float = 0.2,
        vulnerability: float = 0.0,
        warmup_steps: int = 0,
        seed: int = 0,
        **kwargs,
    ):
        if isinstance(model, AdversarialTraining):
            raise ValueError(
                "`model` should be the model itself. Received: an AdversarialTraining, whose loss "
                "has an adversarial term already; its `model` is the one inside."
            )
        super().__init__(model, **kwargs)
        fits = vulnerability == 0 or isinstance(model, SparseEmbeddingModel)
        if not (is_number(vulnerability) and vulnerability >= 0 and fits):
            raise ValueError(
                "`vulnerability` should be >= 0, and 0 unless the model is a "
                "`SparseEmbeddingModel`. "
                f"Received: {vulnerability!r} and {type(model).__name__}."
            )
        self.term = AdversarialTerm(
            perturbation=require_perturbation(perturbation),
            weight=weight,
            fraction=fraction,
            warmup_steps=warmup_steps,
            summed=fraction != 1 and loss_is_summed(model),  # of a whole batch it is all one
        )
        self.vulnerability = vulnerability
        self.seed = require_seed(seed)
        self._chose_layers = layers is not None
        self._perturbed_layers = layers_to_perturb(model, layers)
        self._clean_loss = keras.metrics.Mean(name="clean_loss")
        self._adversarial_loss = keras.metrics.Mean(name="adversarial_loss")
        self._radius = keras.metrics.Mean(name="radius")
        self._value_norm = keras.metrics.Mean(name="value_norm")

    @property
    def perturbation(self) -> Perturbation:
        """The adversary's budget."""
        return self.term.perturbation

    @property
    def own_metrics(self):
        """The adversarial loss is left out where it is not measured."""
        measured = [self._adversarial_loss] if self.term else []
        return [self._epoch_loss, self._clean_loss, *measured]

    def begin_radius_and_norm(self) -> None:
        """Start the means of `radius_and_norm` anew. Keras' `reset_metrics` leaves them, since it
        runs before each validation too, and they are read after it."""
        self._radius.reset_state()
        self._value_norm.reset_state()

    def radius_and_norm(self) -> tuple[float, float]:
        """Means since `fit` began its last epoch, over the perturbed vectors: the radius of the
        ball around a vector, and the vector's norm. 0 and 0 before the first step."""
        return float(self._radius.result()), float(self._value_norm.result())

    def own_callbacks(self):
        """`RadiusCheck`, which warns where the radius exceeds the norm of what it perturbs."""
        return [RadiusCheck()]

    @property
    def takes_blocks(self) -> bool:
        """Where the model does, whose attackable rows are then what is perturbed."""
        sparse = isinstance(self.model, SparseEmbeddingModel)
        return sparse and self.model.takes_blocks and not self._chose_layers

    def train_step(self, inputs) -> dict[str, tf.Tensor]:
        """As `ModelWrapper`; a block of steps for a `SparseEmbeddingModel` runs compiled as a
        whole."""
        in_blocks = isinstance(self.model, SparseEmbeddingModel) and "weight" in inputs
        if not in_blocks or inputs["weight"].shape.rank == 1:
            return ModelWrapper.train_step(self, inputs)  # AutoGraph, under XLA, fails at super()
        if self._chose_layers:
            raise ValueError(
                "`layers` should be left out where blocks of steps are trained: a "
                "`SparseEmbeddingModel` names its attackable rows. Received layers and a block."
            )
        if self.term:
            settings = {"vulnerability": self.vulnerability}
            sizes = first_radius_and_norm(self.model, self.term, inputs, **settings)
            steps = attacked_steps(self.model, self.term, **settings)
            logs = self.model.train_block(inputs, self.optimizer, steps, LOGGED)
            self._note(logs["clean_loss"], logs["adversarial_loss"], *sizes)
        else:
            logs = self.model.train_block(inputs, self.optimizer)
            self._clean_loss.update_state(logs["loss"])
        self._epoch_loss.update_state(logs["loss"])
        return {metric.name: metric.result() for metric in self.metrics}

    def compute_loss(self, inputs, training: bool = False) -> tf.Tensor:
        """Clean loss in evaluation; with the adversarial term in training."""
        if not training:
            return super().compute_loss(inputs, training)
        if not self.term:
            loss = super().compute_loss(inputs, training)
            followed = RecommenderModel.with_regularization(self, loss)
            self._clean_loss.update_state(self.of_global_batch(followed))
            return loss
        found = self._adversarial_gradients(inputs)
        return with_gradients(found.loss, self.trainable_variables, found.gradients)

    def loss_and_gradients(self, inputs):
        if not self.term:
            return super().loss_and_gradients(inputs)
        found = self._adversarial_gradients(inputs, regularized=True)
        return found.loss, found.gradients

    def losses_under_attack(self, batch) -> dict[str, tf.Tensor]:
        """`clean_loss` and `adversarial_loss` of a whole batch in evaluation: without and with the
        worst case of the budget, scalars. Neither is counted in the model's metrics.

        `batch` is what `fit` takes from a dataset: the inputs, or (x, y, sample_weight); tensors or
        arrays.
        """
        batch = tf.nest.map_structure(
            lambda leaf: tf.convert_to_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf, batch
        )
        batch = self.completed(batch, seed_of_step(self.given_seed, 0))

        def evaluate(deltas=None, **_):
            return self._evaluate(batch, deltas, training=False, attacked=True, parameters=False)

        start = evaluate()
        deltas = self.term.worst_case(evaluate, start, seed_of(batch, self.seed, 0))
        return {"clean_loss": start.loss, "adversarial_loss": evaluate(deltas).loss}

    def _adversarial_gradients(self, batch, regularized: bool = False) -> AdversarialGradients:
        if self.vulnerability:
            raise ValueError(
                "`vulnerability` needs blocks of batches (`data.batches.in_blocks`). "
                "Received a single batch."
            )
        ours = isinstance(innermost(self), RecommenderModel)
        part = first_fraction(batch, self.term.fraction, by_weight=ours)

        def evaluate(deltas=None, *, attacked, parameters):
            counted = not attacked or (deltas is None and self.term.fraction == 1)
            return self._evaluate(
                part if attacked else batch,
                deltas,
                attacked=not counted,
                parameters=parameters,
                regularized=regularized and counted,
            )

        step = self.steps_done
        found = self.term.gradients(evaluate, seed_of(batch, self.seed, step), step)
        self._note(found.clean_loss, found.adversarial_loss, found.radius, found.value_norm)
        return found

    def _evaluate(
        self, batch, deltas, *, attacked, parameters, training=True, regularized=False
    ) -> Evaluation:
        """The loss of a batch at deltas, with the gradients by what the layers returned."""
        with tf.GradientTape(watch_accessed_variables=parameters) as tape:
            with perturb_outputs(self._perturbed_layers, tape=tape, deltas=deltas) as outputs:
                loss = self.wrapped_loss(batch, training, attacked=attacked)
            if regularized:
                loss = self.with_regularization(loss)
        if not outputs:
            raise ValueError(
                "`layers` should be called when the model computes its loss, and not inside a "
                "`tf.function`, loop or `map_fn` of its own. Received "
                f"{', '.join(layer.name for layer in self._perturbed_layers)}: none was called."
            )
        variables = self.trainable_variables if parameters else []
        optimizer = getattr(self, "optimizer", None)
        gradients, ascent = gradients_and_ascent(tape, loss, variables, outputs, optimizer)
        return Evaluation(
            loss=loss,
            gradients=gradients,
            values=[tf.cast(value, tf.float32) for value in outputs],
            value_gradients=[
                usable_ascent(gradient, value, shared)
                for gradient, value, shared in zip(ascent, outputs, outputs.shared, strict=True)
            ],
            masks=outputs.masks,
            scales=outputs.scales,
        )

    def _note(self, clean_loss, adversarial_loss, radius, value_norm) -> None:
        self._clean_loss.update_state(self.of_global_batch(clean_loss))
        self._adversarial_loss.update_state(self.of_global_batch(adversarial_loss))
        self._radius.update_state(radius)
        self._value_norm.update_state(value_norm)
