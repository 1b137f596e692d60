"""IRGAN: a generator that selects items against a discriminator that tells them from observed ones.

Wang et al. 2017 (arXiv:1705.10513), the item recommendation part. Selecting is discrete, so the
generator learns by policy gradient: the discriminator's opinion of a selected item is its reward.
Both players are the same factorization with an item bias (`build_scorer`), and the generator starts
from one trained by ranking against the hardest of some negatives (`DNSFactorization`).
`adversarial_weight=0` with `reconstruction_weight=1` is the ablation that goes on with just that,
without the game.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.base import GAN, diversity
from advrec_tf.models.base import Recommender
from advrec_tf.models.hard_negatives import (
    Observed,
    build_scorer,
    hard_ranking_loss,
    require_counts,
    scorer_vectors,
)

FORMS = ("pointwise", "pairwise")
PLAYERS = ("generator", "discriminator")


def policy_loss(log_chances: tf.Tensor, rewards: tf.Tensor, importance: tf.Tensor) -> tf.Tensor:
    """A value whose gradient is the policy gradient of minus the expected reward, per user.

    Williams 1992 (REINFORCE); Wang et al. 2017, eq. 5: -mean_k w_k (r_k - b) log p(i_k), where
    the baseline b is the mean reward of the user's samples. Rewards that are all equal move
    nothing.

    Args:
        log_chances: [batch, samples], log p(i_k | u); the gradient flows through these alone.
        rewards: same shape, of the selected items.
        importance: same shape, p(i_k) over the chance it was drawn with; 1 where that is p.

    Returns:
        [batch]; the value itself means nothing.

    Raises:
        ValueError: if the shapes differ.
    """
    for name, values in (("rewards", rewards), ("importance", importance)):
        if not values.shape.is_compatible_with(log_chances.shape):
            raise ValueError(
                f"`log_chances` and `{name}` should have the same shape. "
                f"Received: {log_chances.shape} and {values.shape}."
            )
    advantage = rewards - tf.reduce_mean(rewards, axis=1, keepdims=True)
    return -tf.reduce_mean(tf.stop_gradient(importance * advantage) * log_chances, axis=1)


class IRGAN(Recommender, GAN):
    """The game of selecting, p(i | u) = softmax_i(s_G(u, i) / temperature).

    Batches come from `batches.of_users`. A step is `d_steps` moves of the discriminator and then
    `g_steps` of the generator, each with draws of its own. With i+ observed, i selected and D the
    discriminator's score:

    * `form="pointwise"`: D pays softplus(-D(i+)) + softplus(D(i)), the generator earns
      2 sigmoid(D(i)) - 1, as in the authors' code.
    * `form="pairwise"`: D pays softplus(D(i) - D(i+)), the generator earns
      softplus(D(i) - D(i+)), eq. 10.

    For its own move the generator draws from (1 - mixture) p + mixture * uniform over the user's
    items, with importance weights, so that it hears of observed items too. `g_loss` logs minus
    the expected reward, `diversity` how much p differs between users.

    A discriminator that knows nothing yet spoils a good start: first fit some epochs compiled with
    `g_optimizer=SGD(0.0)`, then compile anew with the same `d_optimizer` and go on.

    Args:
        interactions: the rows that are observed.
        generator, discriminator: from `build_scorer`, or of the same shapes.
        form: "pointwise" or "pairwise".
        d_steps, g_steps: moves of each player per batch, >= 1.
        samples: items selected, and observed ones drawn, per user and move, >= 2: of a single
            sample the baseline would leave nothing.
        temperature: of p where the generator moves, and of `sample`, > 0.
        d_temperature: of p where items are selected for the discriminator, > 0; below
            `temperature` it sees the generator's favorites.
        mixture: share of observed items in the generator's draws, in [0, 1).
        candidates: negatives drawn for each positive in `reconstruction_loss`, >= 1.
        scorer: whose scores rank: "generator" or "discriminator".
        adversarial_weight, reconstruction_weight: factors of the game and of the ranking loss
            of `DNSFactorization` in the generator's loss, >= 0.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        interactions: Interactions,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        form: str = "pointwise",
        d_steps: int = 1,
        g_steps: int = 1,
        samples: int = 64,
        temperature: float = 1.0,
        d_temperature: float = 1.0,
        mixture: float = 0.2,
        candidates: int = 8,
        scorer: str = "generator",
        adversarial_weight: float = 1.0,
        reconstruction_weight: float = 0.0,
        name: str = "irgan",
    ):
        require_counts(d_steps=d_steps, g_steps=g_steps, candidates=candidates)
        super().__init__(
            generator,
            discriminator,
            critic_steps=d_steps,
            adversarial_weight=adversarial_weight,
            reconstruction_weight=reconstruction_weight,
            name=name,
        )
        for argument, value, choices in (("form", form, FORMS), ("scorer", scorer, PLAYERS)):
            if value not in choices:
                raise ValueError(f"`{argument}` should be one of {choices}. Received: {value!r}.")
        if samples < 2:
            raise ValueError(f"`samples` should be >= 2. Received: {samples!r}.")
        if not (temperature > 0 and d_temperature > 0):
            raise ValueError(
                "`temperature` and `d_temperature` should be > 0. "
                f"Received: {temperature!r} and {d_temperature!r}."
            )
        if not 0 <= mixture < 1:
            raise ValueError(f"`mixture` should lie in [0, 1). Received: {mixture!r}.")
        self.interactions = interactions
        self.form = form
        self.g_steps = g_steps
        self.samples = samples
        self.temperature = temperature
        self.d_temperature = d_temperature
        self.mixture = mixture
        self.candidates = candidates
        self.scorer = scorer
        self._observed = Observed(interactions)

    def call(self, user_index: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[batch] int32 -> the generator's scores [batch, num_items]."""
        return self.generator(user_index, training=training)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self._ranker(user_index)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 1] float32 of the player that ranks; the last column is 1."""
        return scorer_vectors(self._ranker)[0]

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 1] float32 of the player that ranks; the last column is the bias."""
        return scorer_vectors(self._ranker)[1]

    @property
    def _ranker(self) -> keras.Model:
        return self.generator if self.scorer == "generator" else self.discriminator

    def sample(self, user_index: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
        """Items selected by the generator, for instance as another model's negatives.

        Args:
            user_index: [batch] int32.
            count: items per user; one can be drawn twice, and the user's own are not left out.
            seed: [2] int32.

        Returns:
            [batch, count] int32, drawn from p.
        """
        logits = self.generator(user_index) / self.temperature
        return tf.random.stateless_categorical(logits, count, seed, dtype=tf.int32)

    def select(
        self, user_index: tf.Tensor, chances: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws of p' = (1 - mixture) p + mixture * uniform over the user's items.

        A user without items is drawn for from p.

        Args:
            user_index: [batch] int32.
            chances: p, [batch, num_items].
            seed: [2] int32.

        Returns:
            items [batch, samples] int32 and importance weights p / p', same shape, in
            [0, 1 / (1 - mixture)].
        """
        count = self._observed.counts(user_index)[:, None]
        fraction = tf.where(count > 0, self.mixture, 0.0)
        drawn = tf.random.stateless_categorical(
            tf.math.log(chances), self.samples, seed + [10, 0], dtype=tf.int32
        )
        own = self._observed.draw(user_index, self.samples, seed + [12, 0])
        coin = tf.random.stateless_uniform(tf.shape(drawn), seed + [14, 0])
        items = tf.where(coin < fraction, own, drawn)
        target = tf.gather(chances, items, batch_dims=1)
        is_own = tf.gather(self._observed.profile(user_index), items, batch_dims=1)
        proposal = (1.0 - fraction) * target + fraction * tf.math.divide_no_nan(is_own, count)
        return items, tf.math.divide_no_nan(target, proposal)

    def rewards(self, user_index: tf.Tensor, items: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """[batch] and [batch, samples] int32 -> [batch, samples], what D pays for each item."""
        opinion = self.discriminator(user_index)
        selected = tf.gather(opinion, items, batch_dims=1)
        if self.form == "pointwise":
            return tf.tanh(selected / 2.0)  # 2 sigmoid(D) - 1
        liked = self._observed.draw(user_index, items.shape[1], seed)
        return tf.nn.softplus(selected - tf.gather(opinion, liked, batch_dims=1))

    def reconstruction_loss(self, inputs, seed, training):
        """The ranking loss of `DNSFactorization`, for the generator."""
        return hard_ranking_loss(
            self.generator,
            self._observed,
            inputs,
            seed + [20, 0],
            samples=self.samples,
            candidates=self.candidates,
            training=training,
        )

    def train_step(self, inputs):
        """`d_steps` moves of the discriminator, then `g_steps` of the generator."""
        for i in range(self.critic_steps):
            self.discriminator_step(inputs, inputs["seed"] + [0, i])
        for i in range(self.g_steps):
            self.generator_step(inputs, inputs["seed"] + [1, i])
        self.step.assign_add(1)
        return {metric.name: metric.result() for metric in self.metrics}

    def discriminator_step(self, inputs, seed):
        """One update of the discriminator; returns its loss before the update."""
        users = inputs["user_index"]
        weight = inputs["weight"] * tf.cast(self._observed.counts(users) > 0, tf.float32)
        liked = self._observed.draw(users, self.samples, seed + [10, 0])
        selected = tf.random.stateless_categorical(
            self.generator(users) / self.d_temperature,
            self.samples,
            seed + [12, 0],
            dtype=tf.int32,
        )
        with tf.GradientTape() as tape:
            opinion = self.discriminator(users, training=True)
            real = tf.gather(opinion, liked, batch_dims=1)
            fake = tf.gather(opinion, selected, batch_dims=1)
            if self.form == "pointwise":
                values = tf.nn.softplus(-real) + tf.nn.softplus(fake)
            else:
                values = losses.bpr(real, fake)
            loss = losses.weighted_mean(tf.reduce_mean(values, axis=1), weight)
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self._watch("d_loss", loss)
        self.d_loss.update_state(loss)
        if self.form == "pointwise":
            right = 0.5 * (tf.cast(real > 0, tf.float32) + tf.cast(fake <= 0, tf.float32))
        else:
            right = tf.cast(real > fake, tf.float32)
        self.d_accuracy.update_state(tf.reduce_mean(right, axis=1), sample_weight=weight)
        return loss

    def generator_step(self, inputs, seed):
        """One update of the generator.

        Returns:
            What it minimizes, before the update: minus the expected reward and the ranking loss,
            by their weights.
        """
        users, weight = inputs["user_index"], inputs["weight"]
        with tf.GradientTape() as tape:
            logits = self.generator(users, training=True) / self.temperature
            log_chances = tf.nn.log_softmax(logits)
            chances = tf.stop_gradient(tf.exp(log_chances))
            items, importance = self.select(users, chances, seed)
            rewards = tf.stop_gradient(self.rewards(users, items, seed + [16, 0]))
            picked = tf.gather(log_chances, items, batch_dims=1)
            policy = losses.weighted_mean(policy_loss(picked, rewards, importance), weight)
            reconstruction = self.reconstruction_loss(inputs, seed, training=True)
            surrogate = (
                self.adversarial_weight * policy + self.reconstruction_weight * reconstruction
            )
        variables = self.generator.trainable_variables
        self.g_optimizer.apply_gradients(zip(tape.gradient(surrogate, variables), variables))
        expected = tf.reduce_mean(importance * rewards, axis=1)
        adversarial = -losses.weighted_mean(expected, weight)
        self._watch("g_loss", adversarial)
        self._watch("reconstruction_loss", reconstruction)
        self.g_loss.update_state(adversarial)
        self.reconstruction.update_state(reconstruction)
        self.diversity.update_state(diversity(chances))
        return self.adversarial_weight * adversarial + self.reconstruction_weight * reconstruction


def build_irgan(
    interactions: Interactions,
    *,
    dim: int = 32,
    initial_scale: float = 0.1,
    seed: int = 0,
    **settings,
) -> IRGAN:
    """Both players and the game for a data set; `settings` as in `IRGAN`.

    From random weights the game learns next to nothing. What works, on `batches.of_users`:

        start = DNSFactorization(train, dim=dim)             # models.hard_negatives
        start.compile(Adam(0.01, weight_decay=1.0)); start.fit(...)
        irgan = build_irgan(train, dim=dim, d_temperature=3.0)
        irgan.generator.set_weights(start.scorer.get_weights())
        d_optimizer = Adam(0.01, weight_decay=1.0)
        irgan.compile(d_optimizer=d_optimizer, g_optimizer=SGD(0.0)); irgan.fit(...)  # D alone
        irgan.compile(d_optimizer=d_optimizer, g_optimizer=Adam(0.0003)); irgan.fit(...)
    """
    generator, discriminator = (
        build_scorer(
            interactions.num_users,
            interactions.num_items,
            dim=dim,
            initial_scale=initial_scale,
            seed=2 * seed + i,
            name=name,
        )
        for i, name in enumerate(PLAYERS)
    )
    return IRGAN(interactions, generator, discriminator, **settings)
