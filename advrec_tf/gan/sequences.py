"""Short behavior sequences from a GAN: self-attention, and two ways past the discrete choice.

The generator (`models.sequential.networks`) is trained by likelihood first, then against
a discriminator of whole sequences. What it draws is discrete; its gradient comes, by name,

* "gumbel_softmax": through the softmax of every place, straight-through (Jang et al. 2017,
  arXiv:1611.01144; for sequences Kusner & Hernandez-Lobato 2016, arXiv:1611.04051);
* "policy_gradient": by REINFORCE, the discriminator's opinion of the whole sequence being the
  reward and the batch's mean the baseline (SeqGAN; Yu et al. 2017, arXiv:1609.05473; without
  its roll-outs, so that every place of a sequence earns the same).

Both take one pass over the drawn sequences: what was drawn earlier in a sequence is held, and a
place learns from its own choice. With a loss of weight 0 it is the ablation: maximum likelihood
alone. Controls that do not train are in `models.sequential.baselines`.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import Sequences, last_items, require_length
from advrec_tf.gan.adversarial_loss import GeneratorLosses
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.gan.relaxations import gumbel, straight_through_choice
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.content.tower import Modality
from advrec_tf.models.replicas import (
    averaged_mean,
    drawn_for_rows,
    mean_over_replicas,
    sum_over_replicas,
)
from advrec_tf.models.sequential import networks
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream

ESTIMATORS = ("gumbel_softmax", "policy_gradient")
_BLOCK = 256
_WATCHED = 32


class SequenceGAN(Recommender, GAN):
    """Generator and discriminator of the sequences of one data set.

    Batches come from `batches.of_index(np.arange(len(sequences)), name="sequence_index")`, or of
    interactions in shards from `data.stream_sequences`, which bring the sequences. The generator
    minimizes its adversarial loss and, by `reconstruction_weight`, the cross-entropy of
    the next token (nats a place, over each sequence and its end).

    As a recommender it ranks what would come next after a user's last items.

    Args:
        interactions: the training interactions: who has what, and each user's last items.
        sequences: the real sequences, pieces of those interactions; or, where batches bring them,
            their length.
        generator, discriminator: as `models.sequential.networks` builds them.
        attributes: a vector a user, read by both networks, or None.
        estimator: one of `ESTIMATORS`.
        temperature: of the Gumbel-softmax, > 0.
        repeats: whether drawn sequences may hold an item twice.
        settings: of `GAN`.

    Raises:
        ValueError: if an argument is unknown or out of range, or sizes do not fit.
    """

    rows_of_weights = ("items",)

    def __init__(
        self,
        interactions: Interactions,
        sequences: Sequences | int,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        attributes: Modality | None = None,
        estimator: str = "gumbel_softmax",
        temperature: float = 1.0,
        repeats: bool = False,
        **settings,
    ):
        super().__init__(generator, discriminator, **settings)
        if estimator not in ESTIMATORS:
            raise ValueError(f"`estimator` should be one of {ESTIMATORS}. Received: {estimator!r}.")
        if not as_number(temperature) > 0:
            raise ValueError(f"`temperature` should be > 0. Received: {temperature!r}.")
        if attributes is not None and len(attributes.vectors) != interactions.num_users:
            raise ValueError(
                f"`attributes` should have {interactions.num_users} vectors, one a user. "
                f"Received: {len(attributes.vectors)}."
            )
        self.interactions = interactions
        self._histories = interactions
        self.sequences = None if isinstance(sequences, int) else sequences
        self.estimator = estimator
        self.temperature = temperature
        self.repeats = repeats
        self.length = _length_of(sequences)
        self.num_tokens = interactions.num_items + 1
        self.sampler = networks.SequenceSampler(generator)
        if self.sequences is not None:
            self._tokens = tf.constant(networks.tokens_of(self.sequences.items))
            self._users = tf.constant(self.sequences.user_index)
        self._attributes = None if attributes is None else tf.constant(attributes.vectors)
        self._draw = tf.function(
            lambda inputs, start, noise, repeats: self.sampler.draw(
                inputs, start, noise, repeats=repeats
            ),
            reduce_retracing=True,  # for every number of start items
        )

    def rank_by(self, histories: Interactions) -> None:
        """Rank users from now on by their last items in other interactions of the same
        vocabularies, which alone are held then, such as those of users that are evaluated."""
        self._histories = histories
        self.__dict__.pop("_last", None)

    @functools.cached_property
    def _last(self) -> tf.Tensor:
        """[num_users, length - 1]: the tokens of each user's last items, held from the first time
        on that they are asked for."""
        with tf.init_scope():
            return tf.constant(networks.tokens_of(last_items(self._histories, self.length - 1)))

    def call(self, inputs, training=False):
        """{"tokens"[, "attributes"]} -> logits [batch, length, items + 1]."""
        return self.generator(inputs, training=training)

    def _own(self, inputs):
        """(tokens [batch, length], the generator's other inputs) of a batch."""
        if "items" in inputs:
            length = inputs["items"].shape[-1]
            if length not in (None, self.length):
                raise ValueError(
                    f"A batch should bring sequences of the {self.length} items that the model was "
                    f"built for. Received sequences of {length}: give `stream_sequences` and "
                    "`build_sequence_gan` one length."
                )
            return inputs["items"] + 1, self._known(inputs["user_index"])
        if self.sequences is None:
            raise ValueError(
                "A batch should bring `items` and `user_index`, as `data.stream_sequences` makes "
                "it, since the model was given the length of sequences alone. Received the keys: "
                f"{', '.join(sorted(inputs))}."
            )
        index = inputs["sequence_index"]
        return tf.gather(self._tokens, index), self._known(tf.gather(self._users, index))

    def _known(self, users):
        if self._attributes is None:
            return {}
        return {"attributes": tf.gather(self._attributes, users)}

    def _sample(self, one_hot, known):
        """What the discriminator reads: [batch, length, tokens] -> [batch, features]."""
        flat = tf.reshape(one_hot, [tf.shape(one_hot)[0], self.length * self.num_tokens])
        return tf.concat([flat, *known.values()], axis=1)

    def real_samples(self, inputs):
        tokens, known = self._own(inputs)
        return self._sample(tf.one_hot(tokens, self.num_tokens), known)

    def fake_samples(self, inputs, seed, training):
        chosen, logits, noise, known = self._generated(inputs, seed, training)
        choice = straight_through_choice(logits + noise, chosen, self.temperature)
        return self._sample(choice, known)

    def _generated(self, inputs, seed, training):
        """Drawn tokens [batch, length]; in one pass over them the logits [batch, length, tokens]
        and the noise they were drawn by; and the generator's other inputs."""
        tokens, known = self._own(inputs)
        batch = tf.shape(tokens)[0]
        shape = tf.stack([batch, self.length, self.num_tokens])
        noise = drawn_for_rows(gumbel, shape, stream(seed, "drawn sequence"))
        noise = tf.ensure_shape(noise, [None, self.length, self.num_tokens])
        start = tf.zeros([batch, 0], tf.int32)
        chosen = tf.stop_gradient(self.sampler.draw(known, start, noise, repeats=self.repeats))
        return chosen, self._open_logits(chosen, known, training), noise, known

    def _open_logits(self, tokens, known, training):
        reads = {**known, "tokens": networks.before(tokens)}
        logits = self.generator(reads, training=training)
        closed = networks.closed_tokens(tokens, self.num_tokens, repeats=self.repeats)
        return tf.where(closed, networks.CLOSED, logits)

    def generated_samples(self, inputs, seed):
        # Drawn once more, and drawing is dear: a few of them say enough.
        read = ("items", "user_index") if "items" in inputs else ("sequence_index",)
        few = {name: inputs[name][:_WATCHED] for name in read}
        return self.fake_samples(few, seed, training=False)

    def reconstruction_loss(self, inputs, seed, training):
        tokens, known = self._own(inputs)
        logits = self.generator({**known, "tokens": networks.before(tokens)}, training=training)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits)
        # The first "none" belongs to the sequence: that is where it ends.
        place = tf.range(self.length)[None, :]
        counted = tf.cast((networks.before(tokens) > 0) | (place == 0), tf.float32)
        return averaged_mean(nats, counted)

    collapse = staticmethod(collapsed_profiles)

    @property
    def metrics(self):
        # Without an adversary the discriminator is not trained, and nothing is drawn.
        return super().metrics if self.adversarial.weight else [self.reconstruction]

    @property
    def measures_diversity(self):
        return self.adversarial.weight > 0  # drawing is dear

    def alternate(self, inputs, seed):
        if self.adversarial.weight:
            super().alternate(inputs, seed)
        else:  # pretraining, and the ablation: there is no discriminator to train against
            self.generator_step(inputs, stream(seed, "generator's step"))

    def generator_losses(self, inputs, seed):
        """What the generator pays; without a discriminator it draws nothing."""
        if self.adversarial.weight and self.estimator == "gumbel_softmax":
            return super().generator_losses(inputs, seed)
        adversarial = surrogate = tf.constant(0.0)
        reconstruction = self.reconstruction_loss(inputs, seed, training=True)
        if self.adversarial.weight:
            adversarial, surrogate = self._policy_loss(inputs, seed)
        return GeneratorLosses(adversarial, reconstruction, surrogate=surrogate)

    def _policy_loss(self, inputs, seed):
        """(the adversarial loss of what was drawn, the scalar whose gradient is the policy's)."""
        chosen, logits, _, known = self._generated(inputs, seed, training=True)
        opinion = self.discriminator(self._sample(tf.one_hot(chosen, self.num_tokens), known))
        log_p = tf.nn.log_softmax(logits)
        log_p = tf.reduce_sum(tf.gather(log_p, chosen, batch_dims=2), axis=1)
        reward = opinion if self.is_critic else tf.sigmoid(opinion)
        return self.gan_loss.generator(opinion), policy_gradient(log_p, tf.squeeze(reward, 1))

    def generate(
        self,
        n: int,
        *,
        seed: int,
        start: np.ndarray | None = None,
        attributes: np.ndarray | None = None,
        repeats: bool | None = None,
    ) -> np.ndarray:
        """[n, length] int32 item indices, `NONE` after the end of a sequence.

        Args:
            start: [given] or [n, given] item indices that the sequences begin with.
            attributes: [n, width], of the users whose sequences they are; asked for exactly
                where the model has attributes.
            repeats: whether an item may come twice; by default as the model was trained. Start
                items are kept as they are.

        Raises:
            ValueError: if n < 1, or an argument does not fit the model.
        """
        if not as_number(n) >= 1:
            raise ValueError(f"`n` should be >= 1. Received: {n!r}.")
        start = networks.checked_start(start, n, self.num_tokens - 1, self.length)
        width = None if self._attributes is None else self._attributes.shape[1]
        shape = None if attributes is None else np.shape(attributes)
        if shape != (None if width is None else (n, width)):
            expected = "None, the model has none" if width is None else f"[{n}, {width}]"
            raise ValueError(f"`attributes` should be {expected}. Received: {shape}.")
        repeats = self.repeats if repeats is None else repeats
        blocks = []
        for first in range(0, n, _BLOCK):
            size = min(_BLOCK, n - first)
            block = slice(first, first + size)
            known = {}
            if width is not None:
                known["attributes"] = tf.constant(attributes[block], tf.float32)
            noise = gumbel([size, self.length, self.num_tokens], tf.constant([seed, first]))
            tokens = tf.constant(networks.tokens_of(start[block]))
            blocks.append(self._draw(known, tokens, noise, repeats).numpy())
        return networks.items_of(np.concatenate(blocks))

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], logits of the item after a user's last ones."""
        last = tf.gather(self._last, user_index)
        count = tf.reduce_sum(tf.cast(last > 0, tf.int32), axis=1)
        reads = tf.concat([tf.zeros_like(last[:, :1]), last], axis=1)
        logits = self.generator({**self._known(user_index), "tokens": reads})
        return tf.gather(logits, count, batch_dims=1)[:, 1:]


def policy_gradient(log_p: tf.Tensor, reward: tf.Tensor) -> tf.Tensor:
    """REINFORCE with the mean of the (global) batch as baseline: a scalar to minimize.

    Args:
        log_p: [batch] float32, log-probability of what was drawn.
        reward: [batch] float32, high is good; no gradient passes through it.

    Returns:
        -mean((reward - mean reward) * log_p).
    """
    reward = tf.stop_gradient(reward)
    baseline = sum_over_replicas(mean_over_replicas(reward, tf.ones_like(reward)))
    advantage = reward - baseline
    return -tf.reduce_mean(advantage * log_p)


def _length_of(sequences: Sequences | int) -> int:
    """Items of a sequence."""
    if not isinstance(sequences, int):
        return sequences.length
    require_length(sequences, least=1)
    return sequences


def build_sequence_gan(
    interactions: Interactions,
    sequences: Sequences | int,
    *,
    attributes: Modality | None = None,
    dim: int = 48,
    blocks: int = 1,
    heads: int = 2,
    dropout: float = 0.1,
    seed: int = 0,
    **settings,
) -> SequenceGAN:
    """Both networks and the model; `settings` as in `SequenceGAN`."""
    width = 0 if attributes is None else attributes.width
    sizes = {"dim": dim, "heads": heads, "attribute_width": width}
    return SequenceGAN(
        interactions,
        sequences,
        networks.build_sequence_generator(
            log_popularity(interactions),
            _length_of(sequences),
            blocks=blocks,
            dropout=dropout,
            seed=10_000 * seed,
            **sizes,
        ),
        networks.build_sequence_discriminator(
            interactions.num_items + 1, _length_of(sequences), seed=10_000 * seed + 5000, **sizes
        ),
        attributes=attributes,
        name="sequence_gan",
        **settings,
    )
