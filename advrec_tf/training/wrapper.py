"""A model whose training is altered by another: what all such models share.

A wrapper changes what a training step follows. Everything else stays with the wrapped model: its
loss, its metrics, its predictions and its weights, so that saving the wrapper saves a model that
knows nothing of it. What a wrapper asks of the model it is given is in `wrapped`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import keras, require_keras_2
from advrec_tf.models.trained import RecommenderModel, regularization_of
from advrec_tf.ops.random import seed_of_step
from advrec_tf.training.wrapped import require_wrappable, state_kept


class ModelWrapper(RecommenderModel):
    """Trains `model` by another `compute_loss`; everything else is asked of `model`.

    `model` is a `tfrs.Model`, which has `compute_loss(inputs, training)`, or a `keras.Model`
    compiled with a loss (or with a `compute_loss(x, y, y_pred, sample_weight)` of its own). Where
    it was compiled before it is wrapped, the wrapper is compiled as well, with its optimizer.
    A model that counts its updates (has `step_done`) is told of each.

    Raises:
        ValueError: if `model` is no Keras 2 model, or has a `train_step` of its own.
    """

    mixed_precision = True  # it is for the wrapped model to say

    seed = 0
    """Of what is drawn where batches carry no seed; a subclass may take one as an argument."""

    def __init__(self, model: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.model = require_wrappable(model)
        self._steps_outside: Callable[[], tf.Tensor | int] | None = None
        self.built = model.built
        self._as_tfrs = ()
        inner = innermost(model)
        if _computes_from_inputs(inner) and not isinstance(inner, RecommenderModel):
            names = ("regularization_loss", "total_loss")  # what `tfrs.Model` logs beside `loss`
            self._as_tfrs = tuple(keras.metrics.Mean(name=name) for name in names)
        if _is_compiled(model):
            self.compile()

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """As `keras.Model.compile`; what is left out is taken from the wrapped model's `compile`.

        Args:
            optimizer: by default the wrapped model's.
            loss, metrics, loss_weights, weighted_metrics: compile the wrapped model; by default it
                stays as it is.

        Raises:
            ValueError: if there is no optimizer, or no loss.
        """
        require_keras_2("optimizer", optimizer)
        compiled = _is_compiled(self.model)
        if optimizer is None and not compiled:
            raise ValueError(
                "`optimizer` should be given, unless the wrapped model is compiled already. "
                "Received none."
            )
        own = {"run_eagerly", "steps_per_execution", "jit_compile"}
        running = {name: value for name, value in kwargs.items() if name in own}
        inner = {name: value for name, value in kwargs.items() if name not in own}
        inner |= {n: v for n, v in (("loss", loss), ("metrics", metrics)) if v is not None}
        if compiled:
            running = {
                "run_eagerly": self.model.run_eagerly or None,
                "steps_per_execution": int(self.model.steps_per_execution.numpy()),
                "jit_compile": self.model.jit_compile,
                **running,
            }
        super().compile(optimizer=optimizer or self.model.optimizer, **running)
        self._steps_outside = None
        if isinstance(self.model, ModelWrapper):
            self.model._steps_outside = lambda: self.steps_done
        if inner or not (compiled or _computes_from_inputs(self.model)):
            self.model.compile(optimizer=self.optimizer, **inner)
        if not _has_loss(self.model):
            raise ValueError(
                "`loss` should be given to `compile`: the wrapped model "
                f"({type(self.model).__name__}) neither is compiled with a loss nor defines "
                "`compute_loss`. Received none."
            )

    @property
    def interactions(self):
        return self.model.interactions

    @property
    def metrics(self):
        """The wrapper's own metrics, then those of the wrapped model whose names are free."""
        own = self.own_metrics
        names = {metric.name for metric in own}
        return own + [metric for metric in self.model.metrics if metric.name not in names]

    @property
    def own_metrics(self) -> list[keras.metrics.Metric]:
        return [self._epoch_loss]

    def call(self, inputs, training=False):
        return self.model(inputs, training=training)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self.model.score(user_index)

    @property
    def count_law(self):
        return self.model.count_law

    @property
    def score_history(self):
        """That of the wrapped model; absent where that has none, as `hasattr` tells."""
        return self.model.score_history

    @property
    def reads_gaps(self) -> bool:
        return getattr(self.model, "reads_gaps", False)

    @property
    def reads_users(self) -> bool:
        return getattr(self.model, "reads_users", False)

    def unknown_user_scores(self):
        return self.model.unknown_user_scores()

    def frozen(self):
        return self.model.frozen()

    def user_vectors(self):
        return self.model.user_vectors()

    def item_vectors(self):
        return self.model.item_vectors()

    def train_step(self, inputs) -> dict[str, tf.Tensor]:
        logs = RecommenderModel.train_step(self, inputs)  # AutoGraph fails at super()
        self.model.built = True  # as in `RecommenderModel`
        if hasattr(self.model, "step_done"):
            self.model.step_done()
        return {**logs, **{metric.name: metric.result() for metric in self._as_tfrs}}

    def reset_metrics(self):
        """As `keras.Model.reset_metrics`; what is logged beside `metrics`, which Keras would take
        for the results of an evaluation, begins anew too, and so do all metrics of the wrapped
        model: an evaluation logs its `loss`, not that of the wrapper."""
        super().reset_metrics()
        self.model.reset_metrics()
        for metric in self._as_tfrs:
            metric.reset_state()

    def count_loss(self, loss: tf.Tensor) -> None:
        """As `RecommenderModel`; also as the `total_loss` of a `tfrs.Model`."""
        super().count_loss(loss)
        if self._as_tfrs:
            self._as_tfrs[1].update_state(self.of_global_batch(loss))

    def with_regularization(self, loss: tf.Tensor) -> tf.Tensor:
        """As `RecommenderModel`; counted as the `regularization_loss` of a `tfrs.Model`."""
        if self._as_tfrs:
            self._as_tfrs[0].update_state(regularization_of(self))
        return super().with_regularization(loss)

    @property
    def steps_done(self) -> tf.Tensor | int:
        """As `RecommenderModel`; inside another wrapper that one counts, whose optimizer moves."""
        return super().steps_done if self._steps_outside is None else self._steps_outside()

    def completed(self, inputs, seed: tf.Tensor | None = None):
        """As `RecommenderModel`. The steps are those of the wrapper: the wrapped model takes
        none."""
        if not self._recommends:
            return inputs
        seed = seed_of_step(self.given_seed, self.steps_done) if seed is None else seed
        return self.model.completed(inputs, seed)

    def completed_dataset(self, data):
        """As `RecommenderModel`, whichever of both compiles the step; batches of a model that is
        none are its own affair."""
        return super().completed_dataset(data) if self._recommends else data

    @property
    def _recommends(self) -> bool:
        return isinstance(innermost(self), RecommenderModel)

    @property
    def given_seed(self) -> int:
        """`seed`, or where that is 0 the one of the wrapper inside."""
        inside = self.model.given_seed if isinstance(self.model, ModelWrapper) else 0
        return self.seed or inside

    def test_step(self, data) -> dict[str, tf.Tensor]:
        """That of the wrapped model. The wrapper's own `loss` becomes what it logs: Keras takes the
        results of an evaluation from `metrics` where they have the same names."""
        logs = self.model.test_step(self.completed(data))
        if "loss" in logs:
            self._epoch_loss.reset_state()
            self._epoch_loss.update_state(logs["loss"])
        return logs

    def predict_step(self, data):
        return self.model.predict_step(data)

    def use_static_shapes(self, wanted: bool) -> None:
        if isinstance(self.model, RecommenderModel):
            self.model.use_static_shapes(wanted)

    @property
    def replicated(self) -> bool:
        return getattr(self.model, "replicated", True)

    @property
    def asynchronous(self) -> bool:
        return getattr(self.model, "asynchronous", True)

    @property
    def loss_is_share(self) -> bool:
        return getattr(self.model, "loss_is_share", False)

    @property
    def saves_whole(self) -> bool:
        return getattr(self.model, "saves_whole", True)

    def require_whole(self, name: str, filepath) -> None:
        if isinstance(self.model, RecommenderModel):
            self.model.require_whole(name, filepath)

    def save(self, *args, **kwargs):
        """Save the wrapped model: what was trained, without what trained it."""
        return self.model.save(*args, **kwargs)

    def save_weights(self, *args, **kwargs):
        """Save the weights of the wrapped model, which loads them with or without a wrapper."""
        return self.model.save_weights(*args, **kwargs)

    def load_weights(self, *args, **kwargs):
        return self.model.load_weights(*args, **kwargs)

    def summary(self, *args, **kwargs):
        return self.model.summary(*args, **kwargs)

    def compute_loss(self, inputs, training: bool = False) -> tf.Tensor:
        """The wrapped model's own loss; what a subclass alters."""
        return self.wrapped_loss(inputs, training)

    @property
    def losses(self):
        """Regularization losses to be added to `compute_loss`: by the convention of TFRS it leaves
        them out, by that of Keras it has them already."""
        return self.model.losses if _computes_from_inputs(self.model) else []

    def wrapped_loss(
        self, batch, training: bool, *, attacked: bool = False, regularized: bool | None = None
    ) -> tf.Tensor:
        """Scalar float32: the wrapped model's loss of a batch as it comes to `train_step`.

        With `attacked` it is that of a batch which is not to be counted: the model's metrics and
        the moving statistics of its normalizations stay as they are. Unless `regularized`, by
        default where it is counted, `regularization_inside` is taken out.
        """
        regularized = not attacked if regularized is None else regularized
        with state_kept(self.model) if attacked else contextlib.nullcontext():
            if _computes_from_inputs(self.model):
                return tf.cast(self.model.compute_loss(batch, training=training), tf.float32)
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
            predicted = self.model(x, training=training)
            loss = tf.cast(self.model.compute_loss(x, y, predicted, sample_weight), tf.float32)
            if not attacked:
                self.model.compute_metrics(x, y, predicted, sample_weight)
            return loss if regularized else loss - self.regularization_inside()

    def regularization_inside(self) -> tf.Tensor | float:
        """The regularization losses of the last call that Keras adds inside of the wrapped model's
        `compute_loss`; 0 where that is the model's own."""
        if type(self.model).compute_loss is keras.Model.compute_loss:
            return regularization_of(self.model)
        return 0.0


def innermost(model: keras.Model) -> keras.Model:
    """The model inside all wrappers."""
    while isinstance(model, ModelWrapper):
        model = model.model
    return model


def _computes_from_inputs(model: keras.Model) -> bool:
    """Whether the loss is `compute_loss(inputs, training)`, of a `tfrs.Model`."""
    return isinstance(model, _tfrs.Model)


def _is_compiled(model: keras.Model) -> bool:
    return getattr(model, "compiled_loss", None) is not None


def _has_loss(model: keras.Model) -> bool:
    own = type(model).compute_loss is not keras.Model.compute_loss
    return own or bool(getattr(model, "loss", None)) or bool(model.losses)
