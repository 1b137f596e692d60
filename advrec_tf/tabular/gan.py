"""A GAN of table entries: CTGAN's representation on `gan.base.GAN`.

Xu et al. 2019 (arXiv:1907.00503): mode-specific normalization (`tabular.codecs`) and
Gumbel-softmax outputs; a discriminator that sees packs of entries, against collapse (PacGAN; Lin
et al. 2018, arXiv:1712.04086); by default the Wasserstein loss with a gradient penalty. Entries are
generated with the running average of the generator's weights (Yazici et al. 2019,
arXiv:1806.04498), which training itself never uses.

Beside the adversarial loss the generator may pay a variational autoencoder's bound, being its
decoder (VAE/GAN; Larsen et al. 2016, arXiv:1512.09300): `evidence`. Its ablation without the
adversary is then that autoencoder, `tabular.vae`. Training with an early stop is in
`tabular.training`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.batches import Batches
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import single_valued
from advrec_tf.models.replicas import assign_on_replicas
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream
from advrec_tf.tabular.conditions import Conditions
from advrec_tf.tabular.network_generator import NetworkGenerator
from advrec_tf.tabular.networks import WIDE, row_features, soft_rows, widened
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.vae import TableVAE, build_row_decoder, build_table_vae


class TableGAN(NetworkGenerator, GAN):
    """Generator and discriminator of table entries.

    Batches come from `tabular.batches.of_rows`: `choices`, `numbers` and `seed`; their size is
    a multiple of `pack`.

    Args:
        transform: fitted on the training entries.
        generator: (noise, condition) -> raw output.
        discriminator: a pack of entries, each with its condition, [batch / pack, pack * (width
            + condition)] -> logit.
        evidence: the autoencoder whose decoder is `generator`, or None to train against the
            discriminator alone.
        conditional: columns that can be given to `generate`.
        temperature: of the Gumbel-softmax, > 0.
        averaging: weight of the past in the running average, in [0, 1).
        settings: of `GAN`; the loss is "wasserstein" by default.

    Attributes:
        averaged: a copy of the generator that holds the running average of its weights.
        pack: entries the discriminator sees together, read from its input.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        transform: TableTransform,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        evidence: TableVAE | None = None,
        conditional: Sequence[str] = (),
        temperature: float = 0.5,
        averaging: float = 0.995,
        loss: str | AdversarialLoss = "wasserstein",
        **settings,
    ):
        super().__init__(generator, discriminator, loss=loss, **settings)
        for name, value, holds in (
            ("temperature", temperature, as_number(temperature) > 0),
            ("averaging", averaging, 0 <= as_number(averaging) < 1),
        ):
            if not holds:
                raise ValueError(f"`{name}` is out of its range. Received: {value!r}.")
        self.set_up(transform, tuple(conditional))
        self.evidence = evidence
        self.averaged = keras.models.clone_model(generator)
        self.averaged.trainable = False
        self.averaged.set_weights(generator.get_weights())
        self.noise_dim = generator.inputs[0].shape[1]
        width = self.layout.width + self.conditions.width
        self.pack = discriminator.inputs[0].shape[1] // width
        self.temperature, self.averaging = temperature, averaging

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    def raw_rows(self, noise, condition, seed):
        return self._finished(self.averaged([noise, condition], training=False), seed)

    def _finished(self, raw, seed):
        return raw if self.evidence is None else self.evidence.with_noise(raw, seed)

    def served_weights(self):
        extra = [] if self.evidence is None else self.evidence.log_deviation
        return [*self.averaged.weights, *extra]

    def generator_variables(self):
        if self.evidence is None:
            return self.generator.trainable_variables
        return self.evidence.trainable_variables

    def reconstruction_loss(self, inputs, seed, training):
        if self.evidence is None:
            return tf.constant(0.0)
        reconstruction, divergence = self.evidence.evidence(inputs, seed)
        return reconstruction + divergence

    def _rows_and_flags(self, inputs):
        rows = widened(inputs["choices"], inputs["numbers"], self.layout)
        # The same flags for both networks and all updates of a step: fixed by the batch.
        return rows, self.conditions.shown(tf.shape(rows)[0], inputs["seed"])

    def _generated(self, inputs, seed, training):
        rows, flags = self._rows_and_flags(inputs)
        condition = self.conditions.read(rows, flags)
        noise = self.noise(tf.shape(rows)[0], stream(seed, "noise of the record"))
        raw = self._finished(self.generator([noise, condition], training=training), seed)
        soft = soft_rows(raw, self.layout, seed, temperature=self.temperature)
        return self.conditions.keep(soft, rows, flags), condition

    def _packed(self, rows, condition):
        joined = tf.concat([rows, condition], axis=1)
        return tf.reshape(joined, [-1, self.pack * (self.layout.width + self.conditions.width)])

    def fit(self, x=None, *args, **kwargs):
        """As `GAN.fit`.

        Raises:
            ValueError: as there, and where a replica of a strategy would cut a pack of entries.
        """
        replicas = self.distribute_strategy.num_replicas_in_sync
        if isinstance(x, Batches):
            spec = x.dataset(0).element_spec
        else:
            spec = getattr(x, "element_spec", None)
        rows = spec["choices"].shape[0] if isinstance(spec, dict) and "choices" in spec else None
        if rows is not None and rows % (self.pack * replicas):
            raise ValueError(
                f"A batch should hold a multiple of {self.pack * replicas} entries, whole packs of "
                f"{self.pack} for each of {replicas} replicas. Received batches of {rows}."
            )
        return super().fit(x, *args, **kwargs)

    def real_samples(self, inputs):
        rows, flags = self._rows_and_flags(inputs)
        return self._packed(rows, self.conditions.read(rows, flags))

    def fake_samples(self, inputs, seed, training):
        return self._packed(*self._generated(inputs, seed, training))

    def generated_samples(self, inputs, seed):
        return self._generated(inputs, seed, training=False)[0]

    def compared_samples(self, inputs):
        # As they are served: by the averaged weights, nothing given.
        real, flags = self._rows_and_flags(inputs)
        seed, count = self.step_seed(inputs), tf.shape(real)[0]
        condition = self.conditions.read(real, tf.zeros_like(flags))
        raw = self.raw_rows(self.noise(count, stream(seed, "noise of the record")), condition, seed)
        return soft_rows(raw, self.layout, seed, temperature=self.temperature), real

    def collapse(self, generated, real):
        """By column: numbers by their spread, categories by the chance that two entries differ."""
        numbers, names, columns = self.layout.num_numbers, [], ([], [])
        for i, name in enumerate(self.layout.names):
            start = numbers + sum(self.layout.widths[:i])
            block = slice(start, start + self.layout.widths[i])
            place = self.layout.number_of[i]
            names.append(name)
            for found, part in zip(columns, (generated, real), strict=True):
                differ = 1.0 - np.sum(part[:, block].mean(0) ** 2)
                if place >= 0:
                    differ += part[:, place].std()
                found.append(differ)
        return single_valued(*map(np.array, columns), names=names)

    def alternate(self, inputs, seed):
        super().alternate(inputs, seed)
        pairs = zip(self.averaged.weights, self.generator.weights, strict=True)
        means = [self.averaging * mean + (1.0 - self.averaging) * now for mean, now in pairs]
        assign_on_replicas(self.averaged.weights, means)


def build_row_discriminator(
    transform: TableTransform,
    conditions: Conditions,
    *,
    pack: int,
    hidden: Sequence[int],
    seed: int = 0,
) -> keras.Model:
    """Packs of entries with their conditions, [batch, pack * (width + condition)] -> logit.

    Raises:
        ValueError: if `pack` < 1.
    """
    if not as_number(pack) >= 1:
        raise ValueError(f"`pack` should be >= 1. Received: {pack!r}.")
    layout = transform.layout
    width = layout.width + conditions.width
    packed = keras.Input(shape=(pack * width,), name="packed_rows")
    x = packed
    if any(block > WIDE for block in layout.widths):
        # One embedding serves the entries of a pack: they are read one after another.
        rows = keras.layers.Reshape((pack, width), name="rows")(packed)
        x = row_features(rows, layout, seed=seed + 200, name="discriminator")
        x = keras.layers.Flatten(name="features")(x)
    for i, units in enumerate(hidden):
        x = keras.layers.Dense(
            units,
            kernel_initializer=keras.initializers.HeUniform(seed=seed + i),
            name=f"discriminator_hidden_{i}",
        )(x)
        x = keras.layers.LeakyReLU(0.2, name=f"discriminator_act_{i}")(x)
    logit = keras.layers.Dense(
        1,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 99),
        name="discriminator_logit",
    )(x)
    return keras.Model(packed, logit, name="discriminator")


def build_table_gan(
    transform: TableTransform,
    *,
    conditional: Sequence[str] = (),
    noise_dim: int = 64,
    generator_hidden: Sequence[int] = (128, 128),
    discriminator_hidden: Sequence[int] = (256, 256),
    pack: int = 2,
    variational: bool = True,
    seed: int = 0,
    **settings,
) -> TableGAN:
    """The networks and the model for a fitted transform.

    Args:
        variational: whether the generator is an autoencoder's decoder and pays its bound, by
            `reconstruction_weight`; without it, the adversarial loss alone.
        settings: as in `TableGAN`.
    """
    conditions = Conditions(transform.layout, tuple(conditional))
    sizes = {"noise_dim": noise_dim, "hidden": generator_hidden}
    evidence = None
    if variational:
        evidence = build_table_vae(transform, conditional=conditional, seed=seed, **sizes)
        generator = evidence.decoder
    else:
        generator = build_row_decoder(
            transform, conditions, **sizes, seed=1000 * seed + 500, name="generator"
        )
    return TableGAN(
        transform,
        generator,
        build_row_discriminator(
            transform, conditions, pack=pack, hidden=discriminator_hidden, seed=1000 * seed + 700
        ),
        evidence=evidence,
        conditional=conditional,
        name="table_gan",
        **settings,
    )
