"""Training a content tower against items that do not exist: min E[L_real] - E[L_fake].

A generator (`gan.feature_vectors`) makes the vector of an item like the positive of an
interaction; the tower is trained to rank the real one high and, by `weight`, the generated one
low. With a negative weight the generated item is one more positive, that is augmentation; with 0
nothing is generated, which is the ablation.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.losses import weighted_mean
from advrec_tf.models.content.two_tower import ContentTwoTower
from advrec_tf.ops.random import stream
from advrec_tf.training.wrapper import ModelWrapper

Source = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def random_vectors(width: int) -> Source:
    """The control: vectors of length 1 in a random direction, independent of the item."""

    def draw(item_index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        noise = tf.random.stateless_normal(
            [tf.shape(item_index)[0], width], stream(seed, "direction of the generated item")
        )
        return tf.math.l2_normalize(noise, axis=-1)

    return draw


class GeneratedItems(ModelWrapper):
    """loss = L_real - weight * fraction * L_fake, over one batch of `batches.of_pairs`.

    L_real is the wrapped model's loss. For the first `fraction` of the examples an item is
    generated in the place of the positive; L_fake is the cross-entropy of choosing it among the
    batch's other items, less those the user is known to have, in nats per example:

        L_fake = -log softmax(s(u, fake) - mean log q; s(u, j) - log q_j)

    L_fake is bounded because scores are cosines over a temperature. Only the towers learn;
    the generator is fixed.

    Args:
        model: the recommender.
        source: (item index [n], seed [2]) -> [n, width], such as `FeatureVectorGAN.generate`.
        modality: which of the item tower's modalities is generated; the others are missing.
        weight: factor of the fake loss: > 0 against, < 0 for the generated items.
        fraction: of the batch's examples that get one, in (0, 1].

    Raises:
        ValueError: if `fraction` is out of range or the tower lacks the modality.
    """

    def __init__(
        self,
        model: ContentTwoTower,
        source: Source,
        *,
        modality: str,
        weight: float = 0.1,
        fraction: float = 0.2,
        **kwargs,
    ):
        super().__init__(model, **kwargs)
        if not 0 < fraction <= 1:
            raise ValueError(f"`fraction` should lie in (0, 1]. Received: {fraction!r}.")
        if modality not in model.item_tower.names:
            raise ValueError(
                f"`modality` should be one of {list(model.item_tower.names)}. "
                f"Received: {modality!r}."
            )
        self.source, self.modality = source, modality
        self.weight, self.fraction = weight, fraction
        self._mean_log_probability = model.softmax.mean_log_probability
        self._real_loss = keras.metrics.Mean(name="real_loss")
        self._fake_loss = keras.metrics.Mean(name="fake_loss")

    @property
    def own_metrics(self):
        """The fake loss is left out where it is not measured."""
        return [self._epoch_loss, self._real_loss, *([self._fake_loss] if self.weight else [])]

    def compute_loss(self, inputs, training=False):
        real = self.wrapped_loss(inputs, training)
        if not training:
            return real
        self._real_loss.update_state(real)
        if self.weight == 0:
            return real
        fake = self.fake_loss(inputs)
        self._fake_loss.update_state(fake)
        return real - self.weight * self.fraction * fake

    def fake_loss(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Mean of L_fake over the real examples among the first `fraction` of the batch."""
        model = self.model
        users, items = model.embed_users(inputs, True), model.embed_items(inputs, True)
        others = tf.reduce_logsumexp(model.softmax.negative_logits(users, items, inputs), axis=-1)
        generated = self.source(inputs["item_index"], inputs["seed"])
        fake = model.item_tower.embed({self.modality: generated})
        own = tf.reduce_sum(users * fake, axis=-1) / model.temperature - self._mean_log_probability
        examples = tf.shape(inputs["weight"])[0]
        chosen = tf.cast(tf.math.ceil(self.fraction * tf.cast(examples, tf.float32)), tf.int32)
        kept = tf.cast((tf.range(examples) < chosen) & ~inputs["generated"], tf.float32)
        return weighted_mean(tf.nn.softplus(others - own), kept)
