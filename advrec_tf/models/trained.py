"""The base of every model trained by gradient: a `tfrs.Model` that logs true epoch means."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import keras, require_keras_2
from advrec_tf.data.batches import Batches
from advrec_tf.models.base import Recommender
from advrec_tf.models.dealt import dealing
from advrec_tf.models.own_batches import complete, completed_dataset
from advrec_tf.models.replicas import num_replicas
from advrec_tf.models.traced_once import TracedOnce
from advrec_tf.models.weights import WeightsWithIds
from advrec_tf.ops.random import seed_of_step
from advrec_tf.ops.servers import is_asynchronous

Gradient = tf.Tensor | tf.IndexedSlices | None


class RecommenderModel(TracedOnce, WeightsWithIds, Recommender, _tfrs.Model):
    """A `Recommender` trained by `compile` and `fit` on batches of `data.batches`.

    Subclasses implement `compute_loss(inputs, training)`, a weighted mean over the batch
    that is the same for the same inputs (in-graph noise is drawn from `inputs["seed"]`).
    The logged `loss` is the mean over the epoch; `tfrs.Model` logs the last batch's.
    """

    mixed_precision = False
    """Whether it trains under a policy of mixed precision, with scores and losses in float32."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        if type(self).asynchronous is False:  # no property: it is known before the model is built
            self._require_asynchronous_where_workers_are()
        if not self.mixed_precision:
            require_float32(self)
        self._epoch_loss = keras.metrics.Mean(name="loss")

    replicated = False
    """Whether the replicas of a strategy train it as one device does with the same global batch."""

    asynchronous = False
    """Whether workers of a `ParameterServerStrategy`, each with batches of its own, train it."""

    loss_is_share = False
    """Whether `compute_loss` is `replicas.mean_over_replicas`, so that the losses of the replicas
    of a strategy add up to that of the global batch."""

    takes_blocks = False
    """Whether `fit` takes blocks of steps, `data.batches.in_blocks`, where it would now train."""

    static_shapes = False
    """Whether the step is compiled whole, by XLA, which then should know all shapes beforehand."""

    def use_static_shapes(self, wanted: bool) -> None:
        """Set `static_shapes`; each training step does."""
        self.static_shapes = wanted

    def of_global_batch(self, loss: tf.Tensor) -> tf.Tensor:
        """A loss as it is logged: the mean over replicas of it is that of the global batch."""
        return loss * num_replicas() if self.loss_is_share else loss

    def count_loss(self, loss: tf.Tensor) -> None:
        """Count the loss that a training step followed in the logged mean."""
        self._epoch_loss.update_state(self.of_global_batch(loss))

    def with_regularization(self, loss: tf.Tensor) -> tf.Tensor:
        """A loss as it is followed: with the regularization losses of the layers, of which each
        replica adds its share."""
        return loss + regularization_of(self) / (num_replicas() if self.loss_is_share else 1)

    saves_whole = False
    """Whether `save` writes the model as a whole: that needs a `get_config` with all that it was
    built from."""

    def save(self, filepath, *args, **kwargs):
        """As `keras.Model.save`, to a file that ends in .keras, where the model `saves_whole`.

        Raises:
            ValueError: if it does not, or the file is of another kind.
        """
        self.require_whole("`save`", filepath)
        super().save(filepath, *args, **kwargs)

    def require_whole(self, name: str, filepath) -> None:
        """ValueError unless the model can be saved as a whole to this file."""
        if not self.saves_whole:
            raise ValueError(self._not_saved(name))
        if not str(filepath).endswith(".keras"):
            raise ValueError(
                f"{name} should write a {type(self).__name__} to a file that ends in .keras. "
                f"Received: {filepath}."
            )

    def fit(self, *args, **kwargs):
        """As `keras.Model.fit`, with the model's own callbacks after those given. `x` and
        `validation_data` may be `Batches`, which know how long an epoch is.

        Raises:
            ValueError: if a `ModelCheckpoint` is to save the model as a whole, and it cannot be; a
                callback is of Keras 3; or parameter servers are to hold a model that is not
                `asynchronous`.
            ConnectionError: if a parameter server is lost.
        """
        bound = inspect.signature(super().fit).bind(*args, **kwargs)
        take_batches(bound.arguments)
        for name in ("x", "validation_data"):
            if name in bound.arguments:
                bound.arguments[name] = self.completed_dataset(bound.arguments[name])
        given = bound.arguments.get("callbacks") or []
        require_keras_2("callbacks", given)
        listed = isinstance(given, keras.callbacks.CallbackList)
        if isinstance(given, keras.callbacks.Callback):
            given = [given]
        for callback in given.callbacks if listed else given:
            whole = isinstance(callback, keras.callbacks.ModelCheckpoint)
            if whole and not callback.save_weights_only:
                self.require_whole("`ModelCheckpoint`", callback.filepath)
        if listed:
            for callback in self.own_callbacks():
                given.append(callback)
        else:
            given = [*given, *self.own_callbacks()]
        bound.arguments["callbacks"] = given
        self._require_asynchronous_where_workers_are()
        with dealing(self, bound.arguments):
            return super().fit(*bound.args, **bound.kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        """As `keras.Model.evaluate`; `x` may be `Batches`."""
        if isinstance(x, Batches):
            kwargs.setdefault("steps", x.steps_per_epoch)
            x = x.dataset(0)
        return super().evaluate(self.completed_dataset(x), *args, **kwargs)

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks that every `fit` of the model gets."""
        return []

    def _not_saved(self, name: str) -> str:
        return (
            f"{name} should save the weights alone (`save_weights`, or "
            "`ModelCheckpoint(path, save_weights_only=True)`). For training that can be resumed "
            "use `fit_ranked(..., checkpoint=path)`, for serving `advrec_tf.serving`. "
            f"Received: a {type(self).__name__} to save as a whole."
        )

    def compile(self, optimizer="rmsprop", **kwargs):
        """As `keras.Model.compile`.

        Raises:
            ValueError: if the optimizer is of Keras 3.
        """
        require_keras_2("optimizer", optimizer)
        super().compile(optimizer=optimizer, **kwargs)

    def compile_from_config(self, config):
        """Compile a loaded model as it was; Keras leaves this to models with a `compile` of their
        own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def steps_done(self) -> tf.Tensor | int:
        """The training steps done before; 0 where there is no optimizer."""
        return getattr(getattr(self, "optimizer", None), "iterations", 0)

    def completed(self, inputs, seed: tf.Tensor | None = None):
        """A batch with what the model reads of it; see `own_batches.complete`. `seed` [2] is for a
        batch without one; by default it follows `steps_done`."""
        interactions = getattr(self, "interactions", None)
        if interactions is None:
            return inputs
        seed = seed_of_step(0, self.steps_done) if seed is None else seed
        return complete(inputs, interactions, seed)

    def completed_dataset(self, data):
        """What `fit` is given, with batches that hold what the model reads of them; see
        `own_batches.completed_dataset`."""
        interactions = getattr(self, "interactions", None)
        if interactions is None:
            return data
        return completed_dataset(data, interactions, compiled=bool(self.jit_compile))

    def test_step(self, inputs):
        return _tfrs.Model.test_step(self, self.completed(inputs))

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        self._require_one_device_unless_replicated()
        self.use_static_shapes(bool(self.jit_compile))
        inputs = self.completed(inputs)
        loss, gradients = self.loss_and_gradients(inputs)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.count_loss(loss)
        self.built = True  # `summary` works from here on
        return {metric.name: metric.result() for metric in self.metrics}

    def _require_one_device_unless_replicated(self) -> None:
        if num_replicas() > 1 and not self.replicated:
            raise ValueError(
                f"A {type(self).__name__} should be trained on one device: what it draws and "
                "compares is of one batch, and replicas would each train on a part of it. "
                f"Received: {type(tf.distribute.get_strategy()).__name__} of {num_replicas()} "
                "replicas."
            )

    def _require_asynchronous_where_workers_are(self) -> None:
        if is_asynchronous(self.distribute_strategy) and not self.asynchronous:
            raise ValueError(
                "Under a ParameterServerStrategy a TwoTower, a RankingModel or a "
                "MatrixFactorization without a generator of negatives should be trained, plain or "
                f"by `AdversarialTraining`. Received: a {type(self).__name__}."
            )

    def loss_and_gradients(self, inputs) -> tuple[tf.Tensor, list[Gradient]]:
        """What one training step follows: the loss of a batch with the regularization losses of
        the layers, and its gradient by each of `trainable_variables`."""
        with tf.GradientTape() as tape:
            loss = tf.cast(self.compute_loss(inputs, training=True), tf.float32)
            loss = self.with_regularization(loss)
        variables = self.trainable_variables
        return loss, gradients_of(tape, loss, variables, self.optimizer)


def take_batches(arguments: dict) -> None:
    """Arguments of `fit` in which `Batches` become datasets and numbers of steps."""
    data, validation = arguments.get("x"), arguments.get("validation_data")
    if isinstance(data, Batches):
        arguments["x"] = data.dataset(arguments.get("initial_epoch", 0))
        arguments.setdefault("steps_per_epoch", data.steps_per_epoch)
    if isinstance(validation, Batches):
        arguments["validation_data"] = validation.dataset(0)
        arguments.setdefault("validation_steps", validation.steps_per_epoch)


def require_float32(model: keras.Model) -> None:
    """Refuse a global policy of mixed precision where a model is built that knows none.

    Raises:
        ValueError: if Keras' global policy computes in another type than float32.
    """
    policy = keras.mixed_precision.global_policy()
    if policy.compute_dtype != "float32":
        raise ValueError(
            f"Keras' global policy should be 'float32' where a {type(model).__name__} is built: it "
            f"does not train in mixed precision, towers do. Received: {policy.name!r}."
        )


def regularization_of(model: keras.Model) -> tf.Tensor:
    """Scalar float32, the sum of the losses that the model's layers added in their last call."""
    return tf.reduce_sum([tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in model.losses])


def gradients_of(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    variables: Sequence[tf.Variable],
    optimizer: keras.optimizers.Optimizer | None,
) -> list[Gradient]:
    """`tape.gradient(loss, variables)`; under a `LossScaleOptimizer` the gradients are scaled on
    their way through float16, and the scale is taken out at the variables."""
    return gradients_and_ascent(tape, loss, variables, [], optimizer)[0]


def gradients_and_ascent(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    variables: Sequence[tf.Variable],
    values: Sequence[tf.Tensor],
    optimizer: keras.optimizers.Optimizer | None,
) -> tuple[list[Gradient], list[Gradient]]:
    """In one pass backwards the gradients of a scalar float32 loss by variables, as in
    `gradients_of`, and by other tensors, these with the loss scale left in."""
    scaled = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
    upstream = optimizer.get_scaled_loss(tf.ones_like(loss)) if scaled else None
    by_variable, by_value = tape.gradient(
        loss, (list(variables), list(values)), output_gradients=upstream
    )
    if scaled:
        by_variable = optimizer.get_unscaled_gradients(by_variable)
    return by_variable, by_value
