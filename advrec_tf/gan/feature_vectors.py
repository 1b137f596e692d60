"""A conditional GAN of feature vectors: what the text of such an item would look like.

The generator gives a vector of one modality (a text, image or audio embedding) from a
condition (genres, a knowledge-graph entity) and noise; the discriminator sees vector and
condition side by side. Beside it stands its ablation, the same network without the adversary, a
regression on the condition. What generated vectors are used for is left to
`training.generated_items` and, for items without a vector, to `fill`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.towers import in_blocks, seeded_dense
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream


def build_vector_generator(
    width: int, condition_width: int, *, noise_dim: int, hidden: Sequence[int], seed: int = 0
) -> keras.Model:
    """{"noise": [batch, noise_dim], "condition": [batch, condition_width]} -> [batch, width] of
    length 1."""
    inputs = {
        "noise": keras.Input(shape=(noise_dim,), name="noise"),
        "condition": keras.Input(shape=(condition_width,), name="condition"),
    }
    x = keras.layers.Concatenate(name="joined")([inputs["condition"], inputs["noise"]])
    for i, units in enumerate(hidden):
        x = seeded_dense(units, seed + i, name=f"hidden_{i}", activation="leaky_relu")(x)
    x = seeded_dense(width, seed + len(hidden), name="vector")(x)
    return keras.Model(inputs, keras.layers.UnitNormalization(name="unit")(x), name="generator")


def build_vector_discriminator(width: int, *, hidden: Sequence[int], seed: int = 0) -> keras.Model:
    """Vector and condition side by side, [batch, width] -> [batch, 1], the logit of
    being real."""
    sample = keras.Input(shape=(width,), name="vector_and_condition")
    x = sample
    for i, units in enumerate(hidden):
        x = seeded_dense(units, seed + i, name=f"hidden_{i}", activation="leaky_relu")(x)
    return keras.Model(
        sample, seeded_dense(1, seed + len(hidden), name="logit")(x), name="discriminator"
    )


class FeatureVectorGAN(GAN):
    """Batches carry `item_index` [batch] and `seed` [2] (`batches.of_index`). Or they bring rows of
    data that are not held: `vector` [batch, width] and `condition` [batch, width of it], such as
    those that are mapped from `Stream.dataset`.

    The vectors are compared at length 1, the length at which sentence encoders give them.
    What the generator pays apart from the adversarial loss is 1 - cos(G(z, c), v), in [0, 2]; with
    a loss of weight 0 it is the ablation.

    Args:
        generator, discriminator: as their builders give them.
        vectors: the modality that is generated; batches should hold present items only. None where
            batches bring the rows.
        conditions: what it is generated from, a vector an item; a missing one is all zeros. None
            where batches bring the rows.
        settings: of `GAN`.

    Raises:
        ValueError: if the two modalities are of different numbers of items, or one is None; the
            networks do not fit each other, or the rows, given or brought by a batch, the networks.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        vectors: Modality | None = None,
        conditions: Modality | None = None,
        **settings,
    ):
        super().__init__(generator, discriminator, **settings)
        self.width, self.condition_width = _widths(generator, discriminator)
        for name, given in (("vectors", vectors), ("conditions", conditions)):
            if given is not None:
                self._require_width(name, given.vectors)
        self.modality = vectors
        self._vectors = self._conditions = None
        if vectors is None or conditions is None:
            if vectors is not conditions:
                raise ValueError("`vectors` and `conditions` should both be given or both be None.")
            return
        if len(vectors.vectors) != len(conditions.vectors):
            raise ValueError(
                "`vectors` and `conditions` should be of the same items. Received: "
                f"{len(vectors.vectors)} and {len(conditions.vectors)}."
            )
        self._vectors = tf.math.l2_normalize(tf.constant(vectors.vectors), axis=-1)
        self._conditions = tf.constant(conditions.vectors)

    def call(self, item_index, training=False):
        """[batch] int32 -> [batch, width], the vectors generated without noise."""
        return self._generate(item_index, None, training)

    def _generate(self, item_index, seed, training):
        return self._generated(self._condition_of(item_index), seed, training)

    def _condition_of(self, item_index):
        if self._conditions is None:
            raise ValueError(
                "`conditions` should be given where vectors are generated for items by their index."
                " Received a model without; `generate_for` takes the conditions themselves."
            )
        return tf.gather(self._conditions, item_index)

    def _require_width(self, name, rows) -> None:
        """ValueError unless rows [n, width] are as wide as the networks read or generate them."""
        what = "conditions" if name in ("condition", "conditions") else "vectors"
        width = self.condition_width if what == "conditions" else self.width
        if len(rows.shape) != 2 or rows.shape[1] not in (None, width):
            raise ValueError(
                f"`{name}` should be [rows, {width}]: the networks were built for {what} of width "
                f"{width}. Received the shape {tuple(rows.shape)}."
            )

    def _generated(self, condition, seed, training):
        count = tf.shape(condition)[0]
        noise = self.noise(count, [0, 0] if seed is None else seed)
        if seed is None:
            noise = tf.zeros_like(noise)
        return self.generator({"noise": noise, "condition": condition}, training=training)

    def _own(self, inputs):
        """(vectors of length 1, conditions) of a batch."""
        if "vector" in inputs and "condition" in inputs:
            for name in ("vector", "condition"):
                self._require_width(name, inputs[name])
            return tf.math.l2_normalize(inputs["vector"], axis=-1), inputs["condition"]
        if self._vectors is None or "item_index" not in inputs:
            expected = "`vector` and `condition`" if self._vectors is None else "`item_index`"
            raise ValueError(
                f"A batch should bring {expected} for a model that was given "
                f"{'the widths of the rows alone' if self._vectors is None else 'the rows'}. "
                f"Received the keys: {', '.join(sorted(inputs))}."
            )
        index = inputs["item_index"]
        return tf.gather(self._vectors, index), self._condition_of(index)

    def generate_for(self, conditions: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Conditions [batch, width of one], seed [2] -> [batch, width]: one draw for each.

        Raises:
            ValueError: if the conditions are of another width than the generator reads.
        """
        self._require_width("conditions", conditions)
        return self._generated(conditions, stream(seed, "noise of the generator"), training=False)

    def generate(self, item_index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """[batch] int32, seed [2] -> [batch, width]: one draw for the condition of each item."""
        return self._generate(item_index, stream(seed, "noise of the generator"), training=False)

    def real_samples(self, inputs):
        return tf.concat(self._own(inputs), axis=-1)

    def fake_samples(self, inputs, seed, training):
        _, condition = self._own(inputs)
        fake = self._generated(condition, stream(seed, "noise of the generator"), training)
        return tf.concat([fake, condition], axis=-1)

    def generated_samples(self, inputs, seed):
        return self.generate_for(self._own(inputs)[1], seed)

    collapse = staticmethod(collapsed_profiles)

    def reconstruction_loss(self, inputs, seed, training):
        real, condition = self._own(inputs)
        fake = self._generated(condition, stream(seed, "noise of the reconstruction"), training)
        return 1.0 - tf.reduce_mean(tf.reduce_sum(fake * real, axis=-1))

    def fill(self, modality: Modality, *, samples: int = 16, seed: int = 0) -> Modality:
        """The modality with a generated vector, the mean of `samples` draws, where it had none.

        Raises:
            ValueError: if its shape is not that of the vectors trained on, `samples` < 1, or the
                model was trained on rows that batches brought.
        """
        if self.modality is None:
            self._condition_of(None)
        if modality.vectors.shape != self.modality.vectors.shape:
            raise ValueError(
                f"`modality` should hold {self.modality.vectors.shape} vectors. "
                f"Received: {modality.vectors.shape}."
            )
        if not as_number(samples) >= 1:
            raise ValueError(f"`samples` should be >= 1. Received: {samples!r}.")
        draws = [
            in_blocks(
                lambda index, s=s: self.generate(index, tf.constant([seed, s])),
                len(modality.vectors),
            )
            for s in range(samples)
        ]
        generated = np.mean(draws, axis=0)
        return Modality(
            name=modality.name,
            vectors=np.where(modality.present[:, None], modality.vectors, generated),
        )


def _widths(generator: keras.Model, discriminator: keras.Model) -> tuple[int, int]:
    """(of a vector, of a condition) as both networks have them.

    Raises:
        ValueError: if they do not agree.
    """
    width, condition = generator.output.shape[-1], generator.input["condition"].shape[-1]
    read = discriminator.inputs[0].shape[-1]
    if read != width + condition:
        raise ValueError(
            f"`discriminator` should read vector and condition side by side, {width} + {condition} "
            f"numbers as the generator has them. Received one that reads {read}."
        )
    return width, condition


def build_feature_vector_gan(
    vectors: Modality | int,
    conditions: Modality | int,
    *,
    noise_dim: int = 32,
    hidden: Sequence[int] = (256,),
    seed: int = 0,
    **settings,
) -> FeatureVectorGAN:
    """Both networks and the model; `settings` as in `GAN`.

    Args:
        vectors, conditions: of items; or the two widths, where batches bring the rows.

    Raises:
        ValueError: if a width or `noise_dim` < 1, one of the two is a width and the other not, or
            the modalities are of different numbers of items.
    """
    if not as_number(noise_dim) >= 1:
        raise ValueError(f"`noise_dim` should be >= 1. Received: {noise_dim!r}.")
    kinds = [isinstance(given, int) for given in (vectors, conditions)]
    if kinds[0] is not kinds[1]:
        raise ValueError(
            "`vectors` and `conditions` should both be modalities of items, or both the widths of "
            f"rows that batches bring. Received: {vectors!r} and {conditions!r}."
        )
    width, condition_width = (
        given if isinstance(given, int) else given.width for given in (vectors, conditions)
    )
    if width < 1 or condition_width < 1:
        raise ValueError(
            "`vectors` and `conditions` should be of width >= 1. "
            f"Received: {width} and {condition_width}."
        )
    return FeatureVectorGAN(
        build_vector_generator(
            width, condition_width, noise_dim=noise_dim, hidden=hidden, seed=1000 * seed
        ),
        build_vector_discriminator(width + condition_width, hidden=hidden, seed=1000 * seed + 500),
        *(None if isinstance(given, int) else given for given in (vectors, conditions)),
        name="feature_vector_gan",
        **settings,
    )
