"""A GAN as one `keras.Model` over two functional networks that are trained in turn.

Any generator and discriminator, any dataset of samples:

    generator = keras.Sequential([keras.Input([8]), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    gan = GAN(generator, discriminator, loss="non_saturating")
    gan.compile(d_optimizer=keras.optimizers.Adam(1e-3), g_optimizer=keras.optimizers.Adam(1e-3))
    gan.fit(tf.data.Dataset.from_tensor_slices(tf.random.normal([256, 2])).batch(32))
    print(gan.health)

`GAN` owns the order of the updates, the two optimizers, the logs and the watch over the losses. A
subclass states what is compared and what is minimized, `discriminator_loss` and `generator_losses`;
the formulas are in `gan.losses`, the sizes in the builders of the networks, and what a training
that went wrong looks like in `gan.health`. So `fit`, callbacks and TensorBoard work unchanged.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf._keras import keras, require_keras_2
from advrec_tf.gan import health, losses
from advrec_tf.gan.adversarial_loss import AdversarialLoss, GeneratorLosses
from advrec_tf.gan.collapse import collapsed_columns
from advrec_tf.gan.samples import (
    diversity,
    flat,
    network_inputs,
    samples_and_conditions,
    shaped,
)
from advrec_tf.models.replicas import averaged_gradients, own_rows, seed_of_all
from advrec_tf.models.traced_once import TracedOnce
from advrec_tf.models.trained import require_float32, take_batches
from advrec_tf.models.weights import WeightsWithIds
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream
from advrec_tf.ops.servers import is_asynchronous


class GAN(TracedOnce, WeightsWithIds, keras.Model):
    """A generator and a discriminator, trained by `fit` on any dataset.

    A batch is `samples` [batch, features...], or a pair (samples, conditions). The generator reads
    noise, or [noise, conditions] where it has two inputs; the discriminator reads samples, or
    [samples, conditions], and gives one logit, high for "looks real".

    Noise is drawn by a seed of each step, from `seed` and the number of the step; batches that are
    dictionaries with a `seed` [2] int32, such as those of `data.batches`, bring their own.

    For samples that are not in the batch a subclass implements

    * `real_samples(inputs) -> [batch, features...]`: what the discriminator should accept;
    * `fake_samples(inputs, seed, training) -> [batch, features...]`: what the generator makes for
      the same batch, differentiable in the generator's weights;
    * `reconstruction_loss(inputs, seed, training) -> scalar`: what the generator pays apart from
      the adversarial loss (zero by default);

    and for other losses `discriminator_loss` and `generator_losses`.

    Args:
        generator, discriminator: functional models.
        loss: the name of a pair in `gan.losses.GAN_LOSSES`, or an `AdversarialLoss`.
        reconstruction_weight: factor of `reconstruction_loss`, >= 0.
        seed: of the noise where batches bring none.

    Attributes:
        health: the `gan.health.Health` of the last `fit`; None before.

    Raises:
        ValueError: if an argument is out of range, the loss name is unknown, or Keras' global
            policy is one of mixed precision.

    Examples:
        >>> import advrec_tf as ar
        >>> import tensorflow as tf
        >>> layers = tf.keras.layers
        >>> generator = tf.keras.Sequential([layers.Input([3]), layers.Dense(2)])
        >>> discriminator = tf.keras.Sequential([layers.Input([2]), layers.Dense(1)])
        >>> gan = ar.GAN(generator, discriminator, loss="hinge")
        >>> rates = tf.keras.optimizers.SGD(0.1), tf.keras.optimizers.SGD(0.1)
        >>> gan.compile(d_optimizer=rates[0], g_optimizer=rates[1])
        >>> gan(tf.zeros([4, 3])).shape.as_list()
        [4, 2]
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        loss: str | AdversarialLoss = "non_saturating",
        reconstruction_weight: float = 1.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_keras_2("generator", generator)
        require_keras_2("discriminator", discriminator)
        require_float32(self)
        self.adversarial = AdversarialLoss(loss) if isinstance(loss, str) else loss
        if not as_number(reconstruction_weight) >= 0:
            raise ValueError(
                f"`reconstruction_weight` should be >= 0. Received: {reconstruction_weight!r}."
            )
        self.generator = generator
        self.discriminator = discriminator
        self.reconstruction_weight = reconstruction_weight
        self.seed = seed
        self.set_loss(self.adversarial.name)
        self.health: health.Health | None = None
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")
        self.reconstruction = keras.metrics.Mean(name="reconstruction_loss")
        self.d_accuracy = keras.metrics.Mean(name="d_accuracy")
        self.diversity = keras.metrics.Mean(name="diversity")
        self.d_gradient = keras.metrics.Mean(name="d_gradient")
        self.g_gradient = keras.metrics.Mean(name="g_gradient")
        self.step = _counter(0, "step")
        self.non_finite_step = {
            name: _counter(-1, f"{name}_non_finite")
            for name in ("d_loss", "g_loss", "reconstruction_loss")
        }

    replicated = True
    """Whether the replicas of a strategy train it as one device does: what is drawn for examples is
    drawn by `models.replicas.own_rows`, and losses are means that replicas may average."""

    def set_loss(self, name: str) -> None:
        """Take the pair of that name; called once by the constructor.

        Raises:
            ValueError: if there is none.
        """
        self.gan_loss = losses.gan_loss(name)
        weight = self.adversarial.penalty_weight
        self.penalty_weight = (10.0 if self.is_critic else 0.0) if weight is None else weight

    @property
    def is_critic(self) -> bool:
        """Whether the discriminator estimates a distance instead of a probability."""
        return self.gan_loss.critic

    def compile(self, *, d_optimizer, g_optimizer, **kwargs):
        """As `keras.Model.compile`, with an optimizer for each network.

        Raises:
            ValueError: if both networks are given the same optimizer object, which would mix
                their moments; or one is of Keras 3.
        """
        require_keras_2("d_optimizer", d_optimizer)
        require_keras_2("g_optimizer", g_optimizer)
        if d_optimizer is g_optimizer:
            raise ValueError(
                "`d_optimizer` and `g_optimizer` should be two objects. Received one twice."
            )
        super().compile(**kwargs)
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def optimized(self):
        """[(optimizer, the variables it trains)], for checkpoints."""
        return [
            (self.d_optimizer, self.discriminator.trainable_variables),
            (self.g_optimizer, self.generator_variables()),
        ]

    def generator_variables(self):
        """What the generator's update trains: its weights, and those of whatever helps it."""
        return self.generator.trainable_variables

    @property
    def metrics(self):
        losses_and_signs = [self.d_loss, self.g_loss, self.reconstruction, self.d_accuracy]
        return [*losses_and_signs, self.diversity, self.d_gradient, self.g_gradient]

    def fit(
        self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, **kwargs
    ):
        """As `keras.Model.fit`, with a `gan.health.HealthCheck` among the callbacks; `x` may be
        `Batches`.

        Raises:
            ValueError: under a `ParameterServerStrategy`; or where replicas would train otherwise
                than one device.
        """
        if is_asynchronous(self.distribute_strategy):
            raise ValueError(
                "A GAN should be trained on one device or by replicas, not under a "
                "ParameterServerStrategy, whose workers would train its networks without each "
                f"other. Received: a {type(self).__name__}."
            )
        counted = {"x": x, **kwargs}
        take_batches(counted)
        x, kwargs = counted.pop("x"), counted
        self._require_equal_parts(x)
        given = list(getattr(callbacks, "callbacks", None) or callbacks or [])
        require_keras_2("callbacks", given)
        check = next((c for c in given if isinstance(c, health.HealthCheck)), None)
        if check is None:
            check = health.HealthCheck()
            if isinstance(callbacks, keras.callbacks.CallbackList):
                check.set_model(self)
                callbacks.append(check)
            else:
                callbacks = [*given, check]
        if isinstance(x, tf.data.Dataset):
            check.batches = lambda: x
        elif tf.is_tensor(x) or hasattr(x, "__array__"):
            arrays = (x,) if y is None else (x, y)
            check.batches = lambda: [tuple(tf.convert_to_tensor(a[:256]) for a in arrays)]
        return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    def _require_equal_parts(self, data) -> None:
        """ValueError where the replicas of a strategy would train otherwise than one device."""
        count = self.distribute_strategy.num_replicas_in_sync
        if count == 1:
            return
        if not self.replicated:
            raise ValueError(
                f"A {type(self).__name__} should be trained on one device: what it draws and "
                f"compares is of one batch. Received a strategy of {count} replicas."
            )
        if not isinstance(data, tf.data.Dataset):
            return
        leaves = tf.nest.flatten(data.element_spec)
        sizes = [leaf.shape[0] for leaf in leaves if getattr(leaf, "shape", None)]
        size = max((size for size in sizes if size is not None), default=0)
        if size % count:
            raise ValueError(
                f"A batch should hold a multiple of {count} examples for a GAN under {count} "
                "replicas, each of which averages over an equal part of it. "
                f"Received batches of {size}."
            )

    def call(self, inputs, training=False):
        """What the generator makes of its own inputs."""
        return self.generator(inputs, training=training)

    def real_samples(self, inputs):
        """[batch, features...]: the samples of a batch."""
        return samples_and_conditions(inputs)[0]

    def fake_samples(self, inputs, seed, training):
        """[batch, features...]: generated samples, one beside each real one."""
        samples, conditions = samples_and_conditions(inputs)
        noise = self.noise(tf.shape(samples)[0], stream(seed, "noise of the generator"))
        return self.generator(network_inputs(self.generator, noise, conditions), training=training)

    def noise(self, count, seed):
        """[count, ...] standard normal numbers of the shape that the generator reads: its input
        called "noise", or the first."""
        read = self.generator.input
        first = read["noise"] if isinstance(read, dict) else tf.nest.flatten(read)[0]
        return own_rows(lambda n: tf.random.stateless_normal([n, *first.shape[1:]], seed), count)

    def logits(self, samples, inputs):
        """[batch, 1]: the discriminator's opinion of samples of this batch."""
        conditions = None
        if not isinstance(inputs, dict):
            conditions = samples_and_conditions(inputs)[1]
        read = network_inputs(self.discriminator, samples, conditions)
        found = self.discriminator(read, training=True)
        if found.shape.rank != 2 or found.shape[-1] != 1:
            raise ValueError(
                "`discriminator` should give one logit a sample, [batch, 1]. "
                f"Received: {found.shape}."
            )
        return found

    def reconstruction_loss(self, inputs, seed, training):
        """Scalar: what the generator pays apart from the adversarial loss."""
        return tf.constant(0.0)

    def generated_samples(self, inputs, seed):
        """[batch, features]: nothing but the generator's output, for `diversity` and `health`."""
        return self.fake_samples(inputs, seed, training=False)

    def compared_samples(self, inputs):
        """(generated, real) of a batch, that `collapse` compares; eager."""
        return self.generated_samples(inputs, self.step_seed(inputs)), self.real_samples(inputs)

    # (generated, real), [samples, features] each -> a sentence where they show a collapse.
    collapse = staticmethod(collapsed_columns)

    def step_seed(self, inputs):
        """[2] int32: the batch's own seed, or one of the step; the same on all replicas of a
        strategy, each of which takes its part of what is drawn."""
        if isinstance(inputs, dict) and "seed" in inputs:
            return seed_of_all(inputs["seed"])
        first = tf.constant(self.seed, tf.int64)
        return tf.random.stateless_uniform(
            [2], [first, self.step.read_value()], minval=None, maxval=None, dtype=tf.int32
        )

    def train_step(self, inputs):
        seed = self.step_seed(inputs)
        if isinstance(inputs, dict) and "seed" in inputs:
            inputs = {**inputs, "seed": seed}
        self.alternate(inputs, seed)
        self.step.assign_add(1)
        return {metric.name: metric.result() for metric in self.metrics}

    def alternate(self, inputs, seed):
        """`critic_steps` updates of the discriminator, then `generator_steps` of the generator."""
        for i in range(self.adversarial.critic_steps):
            self.discriminator_step(inputs, stream(seed, "discriminator's step", i))
        for i in range(self.adversarial.generator_steps):
            self.generator_step(inputs, stream(seed, "generator's step", i))

    def discriminator_loss(self, inputs, seed):
        """(scalar loss, its accuracy: numbers in [0, 1] of any shape) for a batch."""
        real = self.real_samples(inputs)
        fake = tf.stop_gradient(self.fake_samples(inputs, seed, training=True))
        real_logits = self.logits(real, inputs)
        fake_logits = self.logits(fake, inputs)
        loss = self.gan_loss.discriminator(real_logits, fake_logits)
        if self.penalty_weight:
            mix = own_rows(
                lambda n: tf.random.stateless_uniform(
                    [n, 1], stream(seed, "mix of real and generated")
                ),
                tf.shape(real)[0],
            )
            loss += self.penalty_weight * losses.gradient_penalty(
                lambda x: self.logits(shaped(x, real), inputs), flat(real), flat(fake), mix
            )
        return loss, self.correct(real_logits, fake_logits)

    def correct(self, real_logits, fake_logits):
        """1 where the discriminator is right, else 0, for all real and all generated samples."""
        middle = self.gan_loss.threshold
        if self.is_critic:  # it has no zero point: the middle between the two means serves
            middle = 0.5 * (tf.reduce_mean(real_logits) + tf.reduce_mean(fake_logits))
        right = tf.concat([real_logits > middle, fake_logits <= middle], axis=0)
        return tf.cast(right, tf.float32)

    def generator_losses(self, inputs, seed) -> GeneratorLosses:
        """What the generator pays for a batch."""
        fake = self.fake_samples(inputs, seed, training=True)
        return GeneratorLosses(
            self.gan_loss.generator(self.logits(fake, inputs)),
            self.reconstruction_loss(inputs, seed, training=True),
        )

    def discriminator_step(self, inputs, seed):
        """One update of the discriminator; returns its loss before the update."""
        with tf.GradientTape() as tape:
            loss, right = self.discriminator_loss(inputs, seed)
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.d_gradient.update_state(_norm(gradients))
        _apply(self.d_optimizer, gradients, variables)
        return self.log_discriminator(loss, right)

    def log_discriminator(self, loss, right):
        """Watch and log what `discriminator_loss` gives; returns the loss."""
        self._watch("d_loss", loss)
        self.d_loss.update_state(loss)
        self.d_accuracy.update_state(right)
        return loss

    def generator_step(self, inputs, seed):
        """One update of the generator; returns its loss before the update."""

        def total(adversarial):
            loss = self.adversarial.weight * adversarial
            loss += self.reconstruction_weight * found.reconstruction
            return loss if found.penalty is None else loss + found.penalty

        with tf.GradientTape() as tape:
            found = self.generator_losses(inputs, seed)
            estimated = found.adversarial if found.surrogate is None else found.surrogate
            minimized = total(estimated)
        variables = self.generator_variables()
        gradients = tape.gradient(minimized, variables)
        self.g_gradient.update_state(_norm(gradients))
        _apply(self.g_optimizer, gradients, variables)
        self._watch("g_loss", found.adversarial)
        self._watch("reconstruction_loss", found.reconstruction)
        self.g_loss.update_state(found.adversarial)
        self.reconstruction.update_state(found.reconstruction)
        if self.measures_diversity:
            samples = found.samples
            if samples is None:
                samples = self.generated_samples(inputs, seed)
            self.diversity.update_state(diversity(flat(samples)))
        return total(found.adversarial)

    @property
    def measures_diversity(self) -> bool:
        """Whether each update of the generator logs `diversity`."""
        return True

    def _watch(self, name: str, value: tf.Tensor) -> None:
        variable = self.non_finite_step[name]
        first = (variable < 0) & ~tf.math.is_finite(value)
        variable.assign(tf.where(first, self.step, variable))


def _counter(value: int, name: str) -> tf.Variable:
    return tf.Variable(
        value,
        dtype=tf.int64,
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def _norm(gradients) -> tf.Tensor:
    """The Euclidean norm of all entries of a list of gradients, of which some may be None."""
    return tf.linalg.global_norm([g for g in gradients if g is not None])


def _apply(optimizer, gradients, variables) -> None:
    # Losses are means over a replica's part of the batch.
    optimizer.apply_gradients(zip(averaged_gradients(gradients), variables, strict=True))
