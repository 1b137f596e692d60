"""A variational autoencoder of table rows: the generator without an adversary.

TVAE (Xu et al. 2019, section 4.5) on the representation of `column_codecs`: the decoder gives
a distribution of every choice, and of the number beside it a normal one whose deviation is
learned. Same transform, same conditions, same interface as the GAN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import averaged_gradients, drawn_for_rows, seed_of_all
from advrec_tf.models.traced_once import TracedOnce
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream
from advrec_tf.tabular.conditions import Conditions
from advrec_tf.tabular.network_generator import NetworkGenerator
from advrec_tf.tabular.networks import raw_width, residual_stack, split_raw, widened
from advrec_tf.tabular.transform import TableTransform

LEAST_LOG_DEVIATION = -4.0
_LOG_2PI = float(np.log(2 * np.pi))


class TableVAE(NetworkGenerator, TracedOnce, keras.Model):
    """Encoder and decoder of table rows.

    Args:
        transform: fitted on the training rows.
        encoder: (row, condition) -> mean and log variance [batch, 2 * noise_dim].
        decoder: (code, condition) -> raw output.
        conditional: columns that can be given to `generate`.
        kl_weight: factor of the divergence from the prior, > 0; 1 is the evidence bound.

    Raises:
        ValueError: if `kl_weight` is not positive.
    """

    def __init__(
        self,
        transform: TableTransform,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        conditional: Sequence[str] = (),
        noise_dim: int = 64,
        kl_weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not as_number(kl_weight) > 0:
            raise ValueError(f"`kl_weight` should be > 0. Received: {kl_weight!r}.")
        self.set_up(transform, tuple(conditional))
        self.encoder, self.decoder = encoder, decoder
        self.noise_dim, self.kl_weight = noise_dim, kl_weight
        columns = [i for i, count in enumerate(self.layout.modes) if count]
        self.log_deviation = [
            self.add_weight(
                name=f"log_deviation_{i}",
                shape=[self.layout.modes[i]],
                initializer=keras.initializers.Constant(-1.4),  # .25: a mode as it is fitted
            )
            for i in columns
        ]
        self.reconstruction = keras.metrics.Mean(name="reconstruction_loss")
        self.divergence = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        return [self.reconstruction, self.divergence]

    def call(self, inputs, training=False):
        return self.decoder(inputs, training=training)

    def raw_rows(self, noise, condition, seed):
        return self.with_noise(self.decoder([noise, condition], training=False), seed)

    def with_noise(self, raw: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Raw output of the decoder with its numbers drawn from their distribution."""
        sizes = [count for count in self.layout.modes if count]
        if not sizes:
            return raw
        means, logits = tf.split(raw, [sum(sizes), sum(self.layout.widths)], axis=1)
        spread = tf.exp(tf.maximum(tf.concat(self.log_deviation, 0), LEAST_LOG_DEVIATION))
        drawn = tf.tanh(means) + spread * drawn_for_rows(
            tf.random.stateless_normal, tf.shape(means), stream(seed, "spread of the numbers")
        )
        drawn = tf.clip_by_value(drawn, -1.0 + 1e-4, 1.0 - 1e-4)
        return tf.concat([tf.atanh(drawn), logits], axis=1)

    def served_weights(self):
        return [*self.decoder.weights, *self.log_deviation]

    def train_step(self, inputs):
        inputs = {**inputs, "seed": seed_of_all(inputs["seed"])}
        with tf.GradientTape() as tape:
            reconstruction, divergence = self.evidence(inputs, inputs["seed"])
            loss = reconstruction + self.kl_weight * divergence
        variables = self.trainable_variables
        gradients = averaged_gradients(tape.gradient(loss, variables))
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self.reconstruction.update_state(reconstruction)
        self.divergence.update_state(divergence)
        return {metric.name: metric.result() for metric in self.metrics}

    def evidence(self, inputs, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Both parts of the bound, batch means in nats: of what is not told of a row by its
        code, and of the code beyond the prior."""
        rows = widened(inputs["choices"], inputs["numbers"], self.layout)
        flags = self.conditions.shown(tf.shape(rows)[0], inputs["seed"])
        condition = self.conditions.read(rows, flags)
        mean, log_variance = tf.split(self.encoder([rows, condition], training=True), 2, axis=1)
        noise = drawn_for_rows(
            tf.random.stateless_normal, tf.shape(mean), stream(seed, "sample of the record's code")
        )
        code = mean + tf.exp(0.5 * log_variance) * noise
        raw = self.decoder([code, condition], training=True)
        divergence = 0.5 * tf.reduce_mean(
            tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance, 1)
        )
        return tf.reduce_mean(self.negative_log_likelihood(inputs, raw)), divergence

    def negative_log_likelihood(self, inputs, raw) -> tf.Tensor:
        """[batch], nats: of the choices, and of the numbers given the choices."""
        total, place = 0.0, 0
        for i, (means, logits) in enumerate(zip(*split_raw(raw, self.layout), strict=True)):
            choice = inputs["choices"][:, i]
            total += tf.nn.sparse_softmax_cross_entropy_with_logits(choice, logits)
            if means is None:
                continue
            at = tf.one_hot(choice, self.layout.modes[i])  # zeros beyond the modes
            log_deviation = tf.maximum(self.log_deviation[place], LEAST_LOG_DEVIATION)
            error = inputs["numbers"][:, place, None] - tf.tanh(means)
            nats = 0.5 * tf.square(error) * tf.exp(-2.0 * log_deviation)
            total += tf.reduce_sum(at * (nats + log_deviation + 0.5 * _LOG_2PI), 1)
            place += 1
        return total


def _network(width, condition_width, outputs, hidden, seed, name) -> keras.Model:
    x = keras.Input(shape=(width,), name=f"{name}_input")
    condition = keras.Input(shape=(condition_width,), name=f"{name}_condition")
    y = keras.layers.Concatenate(name=f"{name}_join")([x, condition])
    y = residual_stack(y, hidden, seed=seed, name=name)
    y = keras.layers.Dense(
        outputs,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 99),
        name=f"{name}_output",
    )(y)
    return keras.Model([x, condition], y, name=name)


def build_row_decoder(
    transform: TableTransform,
    conditions: Conditions,
    *,
    noise_dim: int,
    hidden: Sequence[int],
    seed: int = 0,
    name: str = "decoder",
) -> keras.Model:
    """(code or noise [batch, noise_dim], condition) -> raw output [batch, raw_width]."""
    outputs = raw_width(transform.layout)
    return _network(noise_dim, conditions.width, outputs, hidden, seed, name)


def build_table_vae(
    transform: TableTransform,
    *,
    conditional: Sequence[str] = (),
    noise_dim: int = 64,
    hidden: Sequence[int] = (128, 128),
    seed: int = 0,
    **settings,
) -> TableVAE:
    """Encoder, decoder and the model for a fitted transform; `settings` as in `TableVAE`."""
    layout = transform.layout
    conditions = Conditions(layout, tuple(conditional))
    start = 1000 * seed
    return TableVAE(
        transform,
        _network(layout.width, conditions.width, 2 * noise_dim, hidden, start, "encoder"),
        build_row_decoder(
            transform, conditions, noise_dim=noise_dim, hidden=hidden, seed=start + 500
        ),
        conditional=conditional,
        noise_dim=noise_dim,
        name="table_vae",
        **settings,
    )
