"""CFGAN as published: profiles of items or of users written by a GAN (Chae et al. 2018).

The generator reads a profile r (an item's column of users, or a user's row of items) and
writes y, the same length; the discriminator tells (r, r) from (r, y * mask). The mask
holds the profile's own entries and a random share of the others. After Chae et al. 2018,
"CFGAN: A Generic Collaborative Filtering Framework based on Generative Adversarial
Networks" (CIKM), eqs. 3-6, and the authors' code (Bigdasgit/CFGAN): linear output, sigmoid
hidden layers, non-saturating generator, L2 on the generator, item profiles by default.
`gan.profiles` holds the denoising form and the builders of both networks.

The schemes of the paper are settings of two shares:

* ZR, zero reconstruction: `masked_negatives=0`, `zeroed_negatives` > 0, the default;
* PM, partial masking: `masked_negatives` > 0, `zeroed_negatives=0`;
* ZP, both: 0.7 each in the authors' code for MovieLens 100K.

Nothing is hidden from the condition, so a generator trained for long learns to copy it:
the weight penalty and the number of epochs decide, and belong to validation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.base import GAN, diversity
from advrec_tf.gan.profiles import build_discriminator, build_generator
from advrec_tf.models.base import Recommender
from advrec_tf.models.towers import in_blocks

MODES = ("item", "user")
OUTPUTS = ("linear", "sigmoid")
_BLOCK = 1024


class CFGAN(Recommender, GAN):
    """Generator and discriminator of the profiles of one data set, in item or user mode.

    The generator minimizes, over a batch of profiles r with outputs y,

        adversarial_weight * game(D(r, y * mask))
        + zr_coefficient * mean_r [ sum_{j in zeroed} y_j^2
                                    + positive_weight * sum_{j in r} (1 - y_j)^2 ]
        + generator_l2 / 2 * ||weights of the generator||^2.

    With `adversarial_weight=0` and `positive_weight` > 0 it is the ablation without an
    adversary: the discriminator's pull towards the real profile becomes a squared error.

    Batches come from `batches.of_users(np.arange(model.num_profiles), ...)`: their
    `user_index` numbers profiles, which are items in item mode. A batch is one round of the
    authors' training loop: the discriminator goes over it `critic_steps` times in
    minibatches of `critic_batch`, then the generator `generator_steps` times in minibatches
    of `generator_batch`, each pass in an order of its own, filled up from its start. Given
    all profiles in one batch, an epoch is the authors' round. Negatives are drawn anew for
    every minibatch, each with the probability of its share.

    Args:
        interactions: the training rows.
        generator: profile -> outputs of the same width, ending in a linear `Dense`.
        discriminator: joined pair -> logit.
        mode: "item" or "user", whose profiles are written.
        output: "linear", y is the generator's output, or "sigmoid", y its sigmoid.
        masked_negatives: PM, share of a profile's zeros the discriminator gets to see.
        zeroed_negatives: ZR, share of a profile's zeros asked to be written as zero.
        zr_coefficient: factor of the reconstruction, >= 0.
        positive_weight: factor of the error at the profile's own entries, >= 0.
        generator_l2: factor of the generator's weight penalty, >= 0.
        generator_steps: passes of the generator over a batch, >= 1.
        critic_batch, generator_batch: size of a minibatch, >= 1; None takes the whole batch.

    Attributes:
        num_profiles: how many profiles there are: items in item mode, else users.

    Raises:
        ValueError: if an argument is out of its range or unknown, or the generator does not
            end in a linear `Dense` of the profiles' width.
    """

    def __init__(
        self,
        interactions: Interactions,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        mode: str = "item",
        output: str = "linear",
        masked_negatives: float = 0.0,
        zeroed_negatives: float = 1.0,
        zr_coefficient: float = 0.03,
        positive_weight: float = 0.0,
        generator_l2: float = 0.003,
        generator_steps: int = 1,
        critic_batch: int | None = None,
        generator_batch: int | None = None,
        **kwargs,
    ):
        for name, value, known in (("mode", mode, MODES), ("output", output, OUTPUTS)):
            if value not in known:
                raise ValueError(f"`{name}` should be one of {known}. Received: {value!r}.")
        for name, fraction in (
            ("masked_negatives", masked_negatives),
            ("zeroed_negatives", zeroed_negatives),
        ):
            if not 0 <= fraction <= 1:
                raise ValueError(f"`{name}` should be a share of 1. Received: {fraction!r}.")
        for name, factor in (
            ("zr_coefficient", zr_coefficient),
            ("positive_weight", positive_weight),
            ("generator_l2", generator_l2),
        ):
            if factor < 0:
                raise ValueError(f"`{name}` should be >= 0. Received: {factor!r}.")
        for name, count in (
            ("generator_steps", generator_steps),
            ("critic_batch", critic_batch),
            ("generator_batch", generator_batch),
        ):
            if count is not None and count < 1:
                raise ValueError(f"`{name}` should be >= 1. Received: {count!r}.")
        super().__init__(generator, discriminator, reconstruction_weight=zr_coefficient, **kwargs)
        self.interactions = interactions
        self.mode = mode
        self.output_kind = output
        self.masked_negatives = masked_negatives
        self.zeroed_negatives = zeroed_negatives
        self.positive_weight = positive_weight
        self.generator_l2 = generator_l2
        self.generator_steps = generator_steps
        self.critic_batch = critic_batch
        self.generator_batch = generator_batch
        rows = transposed(interactions) if mode == "item" else interactions
        self._profiles = Histories(rows.by_user())
        self.num_profiles = rows.num_users
        self._last = generator.layers[-1]
        if (
            not isinstance(self._last, keras.layers.Dense)
            or self._last.activation is not keras.activations.linear
            or self._last.units != self._profiles.num_items
        ):
            raise ValueError(
                "`generator` should end in a linear Dense layer of "
                f"{self._profiles.num_items} units. Received: {self._last.get_config()}."
            )
        self._code = keras.Model(generator.input, self._last.input, name="code")

    def compile(self, *, d_optimizer, g_optimizer, **kwargs):
        super().compile(d_optimizer=d_optimizer, g_optimizer=g_optimizer, **kwargs)
        # The steps run inside a loop of the graph, where no variable can be made.
        for optimizer, variables in self.players():
            optimizer.build(variables)

    def call(self, profile, training=False):
        """[batch, width] of 0/1 -> the generator's output, same shape."""
        return self.generator(profile, training=training)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 1] float32; with `item_vectors`, scores are a dot product.

        The generator ends in a linear layer, so an output is the code of the written profile
        times the layer's column, plus its bias.
        """
        return self._code_vectors() if self.mode == "user" else self._column_vectors()

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 1] float32."""
        return self._code_vectors() if self.mode == "item" else self._column_vectors()

    def _code_vectors(self) -> np.ndarray:
        codes = in_blocks(
            lambda index: self._code(self._profiles.dense(index)), self.num_profiles, block=_BLOCK
        )
        return np.concatenate([codes, np.ones((len(codes), 1), np.float32)], axis=1)

    def _column_vectors(self) -> np.ndarray:
        kernel, bias = self._last.get_weights()
        return np.concatenate([kernel, bias[None, :]], axis=0).T

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the generator's output for whole profiles.

        In item mode every call writes the asked-for users' entries of all items, with the
        present weights.
        """
        if self.mode == "user":
            return self.generator(self._profiles.dense(user_index))
        kernel = tf.gather(self._last.kernel, user_index, axis=1)
        bias = tf.gather(self._last.bias, user_index)
        blocks = [
            tf.matmul(
                kernel,
                self._code(self._profiles.dense(tf.range(start, end))),
                transpose_a=True,
                transpose_b=True,
            )
            for start in range(0, self.num_profiles, _BLOCK)
            for end in [min(start + _BLOCK, self.num_profiles)]
        ]
        return tf.concat(blocks, axis=1) + bias[:, None]

    def scores(self) -> np.ndarray:
        """[num_users, num_items] float32: `score` of every user."""
        return self.user_vectors() @ self.item_vectors().T

    def write(self, profile: tf.Tensor, training: bool = False) -> tf.Tensor:
        """y: [batch, width] of 0/1 -> the written profile, unmasked, same shape."""
        outputs = self.generator(profile, training=training)
        return tf.sigmoid(outputs) if self.output_kind == "sigmoid" else outputs

    def real_samples(self, inputs):
        profile = self._profiles.dense(inputs["user_index"])
        return tf.concat([profile, profile], axis=-1)

    def fake_samples(self, inputs, seed, training):
        profile = self._profiles.dense(inputs["user_index"])
        return self._shown(profile, self.write(profile, training), seed)

    def generated_samples(self, inputs, seed):
        # Without the condition and the mask, which differ between profiles whatever is written.
        return self.write(self._profiles.dense(inputs["user_index"]))

    def reconstruction_loss(self, inputs, seed, training):
        profile = self._profiles.dense(inputs["user_index"])
        return self._reconstruction(profile, self.write(profile, training), seed)

    def _shown(self, profile, written, seed):
        mask = profile
        if self.masked_negatives:
            noise = tf.random.stateless_uniform(tf.shape(profile), seed + [11, 0])
            mask = tf.maximum(profile, tf.cast(noise < self.masked_negatives, tf.float32))
        return tf.concat([profile, written * mask], axis=-1)

    def _reconstruction(self, profile, written, seed):
        # Chae et al. 2018, eq. 5: the squared outputs at sampled zeros.
        noise = tf.random.stateless_uniform(tf.shape(profile), seed + [12, 0])
        zeroed = (1.0 - profile) * tf.cast(noise < self.zeroed_negatives, tf.float32)
        error = tf.square(written) * zeroed
        error += self.positive_weight * tf.square(1.0 - written) * profile
        return tf.reduce_mean(tf.reduce_sum(error, axis=-1))

    def train_step(self, inputs):
        """One round: the discriminator's passes over the batch, then the generator's."""
        index, seed = inputs["user_index"], inputs["seed"]
        tf.debugging.assert_less(
            index,
            self.num_profiles,
            f"a batch should number profiles, of which there are {self.num_profiles}: "
            "batches.of_users(np.arange(model.num_profiles), ...)",
        )
        self._play(
            self.discriminator_step, index, seed, self.critic_batch, self.critic_steps, stream=0
        )
        self._play(
            self.generator_step, index, seed, self.generator_batch, self.generator_steps, stream=1
        )
        self.step.assign_add(1)
        return {metric.name: metric.result() for metric in self.metrics}

    def _play(self, step, index, seed, batch_size, passes, *, stream):
        rows = minibatches(index, batch_size, passes, seed + [20 + stream, 0])

        def body(i):
            step({"user_index": rows[i]}, seed + tf.stack([stream, i]))
            return (i + 1,)

        tf.while_loop(lambda i: i < rows.shape[0], body, (0,), parallel_iterations=1)

    def generator_step(self, inputs, seed):
        """One update of the generator, which writes once; returns its loss before the update."""
        profile = self._profiles.dense(inputs["user_index"])
        variables = self.generator.trainable_variables
        with tf.GradientTape() as tape:
            written = self.write(profile, training=True)
            shown = self._shown(profile, written, seed)
            adversarial = self.game.generator(self.discriminator(shown, training=True))
            reconstruction = self._reconstruction(profile, written, seed)
            loss = (
                self.adversarial_weight * adversarial + self.reconstruction_weight * reconstruction
            )
            if self.generator_l2:
                loss += self.generator_l2 * tf.add_n([tf.nn.l2_loss(v) for v in variables])
        self.g_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self._watch("g_loss", adversarial)
        self._watch("reconstruction_loss", reconstruction)
        self.g_loss.update_state(adversarial)
        self.reconstruction.update_state(reconstruction)
        self.diversity.update_state(diversity(written))
        return loss


def transposed(interactions: Interactions) -> Interactions:
    """The same rows with users and items in each other's place, without side tables."""
    return Interactions(
        user_index=interactions.item_index,
        item_index=interactions.user_index,
        users=interactions.items,
        items=interactions.users,
    )


def minibatches(index: tf.Tensor, batch_size: int | None, passes: int, seed: tf.Tensor):
    """`passes` orders of `index` [n], cut into [steps, batch_size] int32.

    Each pass holds every entry once and is filled up with entries from its own start. A
    `batch_size` of None is n: then the order is that of `index`.
    """
    size = index.shape[0]
    if batch_size is None or batch_size >= size:
        return tf.tile(index[None, :], [passes, 1])
    steps = -(-size // batch_size)
    keys = tf.random.stateless_uniform([passes, size], seed)
    order = tf.gather(index, tf.argsort(keys, axis=1))
    filled = tf.concat([order, order[:, : steps * batch_size - size]], axis=1)
    return tf.reshape(filled, [passes * steps, batch_size])


def build_cfgan(
    interactions: Interactions,
    *,
    mode: str = "item",
    generator_hidden: Sequence[int] = (400,),
    discriminator_hidden: Sequence[int] = (125,),
    generator_activation: str = "sigmoid",
    discriminator_activation: str = "sigmoid",
    seed: int = 0,
    **settings,
) -> CFGAN:
    """Both networks and the pair for a data set; `settings` as in `CFGAN`.

    Train on `batches.of_users(np.arange(model.num_profiles), batch_size=model.num_profiles,
    seed=...)`: in item mode the profiles are numbered by item.
    """
    width = interactions.num_users if mode == "item" else interactions.num_items
    return CFGAN(
        interactions,
        build_generator(
            width,
            hidden=generator_hidden,
            activation=generator_activation,
            unit_condition=False,
            seed=1000 * seed,
        ),
        build_discriminator(
            width,
            hidden=discriminator_hidden,
            activation=discriminator_activation,
            seed=1000 * seed + 500,
        ),
        mode=mode,
        name="cfgan",
        **settings,
    )
