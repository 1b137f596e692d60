"""IRGAN: a generator that selects items against a discriminator that tells them from observed ones.

Wang et al. 2017 (arXiv:1705.10513), the item recommendation part. Selecting is discrete, so the
generator learns by policy gradient: the discriminator's score of a selected item is its reward.
Both networks are the same factorization with an item bias (`hard_negatives`), and the generator
starts from one trained by ranking against the hardest of some negatives. A loss of weight 0 with
`reconstruction_weight=1` is the ablation that goes on with that ranking loss alone, without the
discriminator. Scores are those of all items at once.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.adversarial_loss import AdversarialLoss, GeneratorLosses
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.gan.hard_negatives import HardNegatives, Observed, build_scorer, scorer_vectors
from advrec_tf.models.base import Recommender
from advrec_tf.models.replicas import averaged_mean, drawn_for_rows, of_global_batch, own_rows
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream

LOSSES = ("pointwise", "pairwise")
NETWORKS = ("generator", "discriminator")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """How items are selected for both networks.

    Args:
        samples: items selected, and observed ones drawn, per user and update, >= 2: of a single
            sample the baseline would leave nothing.
        temperature: of p in the generator's update, and of `IRGAN.sample`, > 0.
        d_temperature: of p where items are selected for the discriminator, > 0; below
            `temperature` it sees the generator's favorites.
        mixture: fraction of observed items in the generator's draws, in [0, 1).

    Raises:
        ValueError: if a number is out of its range.
    """

    samples: int = 64
    temperature: float = 1.0
    d_temperature: float = 1.0
    mixture: float = 0.2

    def __post_init__(self):
        if not as_number(self.samples) >= 2:
            raise ValueError(f"`samples` should be >= 2. Received: {self.samples!r}.")
        if not (as_number(self.temperature) > 0 and as_number(self.d_temperature) > 0):
            raise ValueError(
                "`temperature` and `d_temperature` should be > 0. "
                f"Received: {self.temperature!r} and {self.d_temperature!r}."
            )
        if not 0 <= as_number(self.mixture) < 1:
            raise ValueError(f"`mixture` should lie in [0, 1). Received: {self.mixture!r}.")


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
    """The minimax game over selected items, p(i | u) = softmax_i(s_G(u, i) / temperature).

    Batches come from `batches.of_users`. With i+ observed, i selected and D the discriminator's
    score, by the name of the loss:

    * "pointwise": D pays softplus(-D(i+)) + softplus(D(i)), the generator earns
      2 sigmoid(D(i)) - 1, as in the authors' code.
    * "pairwise": D pays softplus(D(i) - D(i+)), the generator earns
      softplus(D(i) - D(i+)), eq. 10.

    For its own update the generator draws from (1 - mixture) p + mixture * uniform over the user's
    items, with importance weights, so that it hears of observed items too. `g_loss` logs minus
    the expected reward, `diversity` how much p differs between users.

    A discriminator that knows nothing yet spoils a good start: first fit some epochs compiled with
    `g_optimizer=SGD(0.0)`, then compile anew with the same `d_optimizer` and go on.

    Args:
        interactions: the observed interactions.
        generator, discriminator: from `build_scorer`, or of the same shapes.
        loss: one of `LOSSES`, or an `AdversarialLoss` of that name.
        selection: how items are drawn.
        hard_negatives: the ranking loss, which is the generator's `reconstruction_loss`.
        scorer: whose scores rank: "generator" or "discriminator".
        settings: of `GAN`; `reconstruction_weight` is 0 by default.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        interactions: Interactions,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        loss: str | AdversarialLoss = "pointwise",
        selection: Selection | None = None,
        hard_negatives: HardNegatives | None = None,
        scorer: str = "generator",
        **settings,
    ):
        settings = {"reconstruction_weight": 0.0, "name": "irgan", **settings}
        super().__init__(generator, discriminator, loss=loss, **settings)
        if scorer not in NETWORKS:
            raise ValueError(f"`scorer` should be one of {NETWORKS}. Received: {scorer!r}.")
        self.interactions = interactions
        self.selection = selection or Selection()
        self.hard_negatives = hard_negatives or HardNegatives()
        self.scorer = scorer
        self._observed = Observed(interactions)

    def set_loss(self, name):
        if name not in LOSSES or self.adversarial.penalty_weight:
            raise ValueError(
                f"`loss` of IRGAN should be one of {LOSSES}, without a gradient penalty. "
                f"Received: {self.adversarial!r}."
            )
        self.pointwise = name == "pointwise"

    is_critic = False

    def call(self, user_index: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[batch] int32 -> the generator's scores [batch, num_items]."""
        return self.generator(user_index, training=training)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self._ranker(user_index)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 1] float32 of the network that ranks; the last column is 1."""
        return scorer_vectors(self._ranker)[0]

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 1] float32 of the network that ranks; the last column is the bias."""
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
        logits = self.generator(user_index) / self.selection.temperature
        return _drawn(logits, count, seed)

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
        samples = self.selection.samples
        count = self._observed.counts(user_index)[:, None]
        fraction = tf.where(count > 0, self.selection.mixture, 0.0)
        drawn = _drawn(tf.math.log(chances), samples, stream(seed, "selected items"))
        own = self._observed.draw(user_index, samples, stream(seed, "positives of the user"))
        coin = drawn_for_rows(tf.random.stateless_uniform, tf.shape(drawn), stream(seed, "mixture"))
        items = tf.where(coin < fraction, own, drawn)
        target = tf.gather(chances, items, batch_dims=1)
        is_own = tf.gather(self._observed.profile(user_index), items, batch_dims=1)
        proposal = (1.0 - fraction) * target + fraction * tf.math.divide_no_nan(is_own, count)
        return items, tf.math.divide_no_nan(target, proposal)

    def rewards(self, user_index: tf.Tensor, items: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """[batch] and [batch, samples] int32 -> [batch, samples], the reward of each item."""
        scores = self.discriminator(user_index)
        selected = tf.gather(scores, items, batch_dims=1)
        if self.pointwise:
            return tf.tanh(selected / 2.0)  # 2 sigmoid(D) - 1
        positive = self._observed.draw(user_index, items.shape[1], seed)
        return tf.nn.softplus(selected - tf.gather(scores, positive, batch_dims=1))

    def reconstruction_loss(self, inputs, seed, training):
        """The ranking loss of `HardNegatives`, for the generator."""
        return self.hard_negatives.loss(
            self.generator, self._observed, inputs, stream(seed, "hard negatives"), training
        )

    def generated_samples(self, inputs, seed):
        """p of each user, [batch, num_items]."""
        logits = self.generator(inputs["user_index"], training=False)
        return tf.nn.softmax(logits / self.selection.temperature)

    def compared_samples(self, inputs):
        generated = self.generated_samples(inputs, None)
        return generated, self._observed.profile(inputs["user_index"])

    collapse = staticmethod(collapsed_profiles)

    def discriminator_loss(self, inputs, seed):
        users = inputs["user_index"]
        weight = inputs["weight"] * tf.cast(self._observed.counts(users) > 0, tf.float32)
        positive = self._observed.draw(users, self.selection.samples, stream(seed, "real pairs"))
        logits = tf.stop_gradient(self.generator(users)) / self.selection.d_temperature
        selected = _drawn(logits, self.selection.samples, stream(seed, "selected pairs"))
        scores = self.discriminator(users, training=True)
        real = tf.gather(scores, positive, batch_dims=1)
        fake = tf.gather(scores, selected, batch_dims=1)
        if self.pointwise:
            values = tf.nn.softplus(-real) + tf.nn.softplus(fake)
            right = 0.5 * (tf.cast(real > 0, tf.float32) + tf.cast(fake <= 0, tf.float32))
        else:
            values = losses.bpr(real, fake)
            right = tf.cast(real > fake, tf.float32)
        accuracy = averaged_mean(tf.reduce_mean(right, axis=1), weight)
        return averaged_mean(tf.reduce_mean(values, axis=1), weight), accuracy

    def generator_losses(self, inputs, seed):
        users, weight = inputs["user_index"], inputs["weight"]
        logits = self.generator(users, training=True) / self.selection.temperature
        log_chances = tf.nn.log_softmax(logits)
        chances = tf.stop_gradient(tf.exp(log_chances))
        items, importance = self.select(users, chances, seed)
        rewards = tf.stop_gradient(self.rewards(users, items, stream(seed, "rewards")))
        picked = tf.gather(log_chances, items, batch_dims=1)
        expected = tf.reduce_mean(importance * rewards, axis=1)
        return GeneratorLosses(
            -averaged_mean(expected, weight),
            self.reconstruction_loss(inputs, seed, training=True),
            surrogate=averaged_mean(policy_loss(picked, rewards, importance), weight),
            samples=chances,
        )


def _drawn(logits: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
    """[batch, items] -> [batch, count] int32; from logits that are NaN some item, so that the loss
    becomes NaN, which is watched, and not the index invalid.

    Replicas send each other their logits: what a row draws depends on its place in the batch."""
    (of_all,) = of_global_batch([tf.stop_gradient(logits)])
    items = own_rows(
        lambda _: tf.random.stateless_categorical(of_all, count, seed, dtype=tf.int32),
        tf.shape(logits)[0],
    )
    return tf.minimum(items, tf.shape(logits)[1] - 1)


def build_irgan(
    interactions: Interactions,
    *,
    dim: int = 32,
    initial_scale: float = 0.1,
    seed: int = 0,
    **settings,
) -> IRGAN:
    """Both networks and the model for a data set; `settings` as in `IRGAN`.

    From random weights it learns next to nothing. What works, on `batches.of_users`:

        start = DNSFactorization(train, dim=dim)             # gan.hard_negatives
        start.compile(Adam(0.01, weight_decay=1.0)); start.fit(...)
        irgan = build_irgan(train, dim=dim, selection=Selection(d_temperature=3.0))
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
        for i, name in enumerate(NETWORKS)
    )
    return IRGAN(interactions, generator, discriminator, **settings)
