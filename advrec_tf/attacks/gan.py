"""Fake profiles from a GAN: AUSH and Leg-UP, on the suite's own `gan.base.GAN`.

Both copy templates, real users cut to as many items as a fake profile may rate, and let a
generator change ratings; the discriminator tells what came out from real users cut alike.
`aush` (Lin et al. 2020, CIKM) keeps the template's fillers and generates the ratings of a few
selected items, low ones at a cost; `legup` (Lin et al. 2022, TNNLS) generates
every rating and pays what a surrogate factorization, trained with the profiles added, says of
the target's rank. With a loss of weight 0 each is its own ablation without the adversary.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.attacks.copies import template_users
from advrec_tf.attacks.heuristic import SegmentAttack, ShillingAttack, checked_targets
from advrec_tf.attacks.rating_statistics import RatingStatistics, ratings_by_user
from advrec_tf.attacks.surrogates import AlternatingSurrogate, SurrogateModel, objective_loss
from advrec_tf.data import batches
from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.gan.losses import gan_loss
from advrec_tf.ops.random import stream
from advrec_tf.ops.rng import RNG

AIMS = ("selected", "surrogate")
USERS_ASKED = 1024
"""Real users, drawn anew at every step, that the surrogate ranks the targets for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Aim:
    """What the generator pays for, beside the adversarial loss.

    Args:
        kind: "selected", distance of the selected items' ratings from the highest one (AUSH), or
            "surrogate", the targets' rank in a surrogate trained with the profiles (Leg-UP).
        weight: its factor.
        keep_weight: factor of the squared distance from the template's ratings.

    Raises:
        ValueError: if the kind is unknown.
    """

    kind: str = "selected"
    weight: float = 1.0
    keep_weight: float = 1.0

    def __post_init__(self):
        if self.kind not in AIMS:
            raise ValueError(f"`kind` of the aim should be one of {AIMS}. Received: {self.kind!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANTraining:
    """How the two networks are made and trained.

    Args:
        loss: a name of `gan.losses.GAN_LOSSES`, or an `AdversarialLoss`.
        hidden: units of the hidden layer of either network, >= 1.
        epochs: passes over the templates, >= 1.
        learning_rate: of Adam, for both networks, > 0.

    Raises:
        ValueError: if an argument is out of range.
    """

    loss: str | AdversarialLoss = "non_saturating"
    hidden: int = 64
    epochs: int = 20
    learning_rate: float = 0.002

    def __post_init__(self):
        gan_loss(self.loss if isinstance(self.loss, str) else self.loss.name)
        if self.epochs < 1 or self.hidden < 1 or not self.learning_rate > 0:
            raise ValueError(
                "`epochs` and `hidden` should be >= 1 and `learning_rate` > 0. "
                f"Received: {self.epochs!r}, {self.hidden!r}, {self.learning_rate!r}."
            )


LEGUP_TRAINING = GANTraining(epochs=8, learning_rate=0.005)
"""Shorter and faster: each step trains a surrogate too."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfileGANAttack(ShillingAttack):
    """Templates of real users, changed by a generator.

    Args:
        num_profiles, num_fillers: the budget, selected items included, see `ShillingAttack`.
        segment: the selected items; by default as `SegmentAttack` chooses them.
        num_selected: how many these are by default; 0 selects none.
        aim: what the generator pays for.
        training: how the networks are trained.

    Raises:
        ValueError: if an argument is out of range, or the goal is to nuke.
    """

    segment: tuple[int, ...] | None = None
    num_selected: int = 3
    aim: Aim = Aim()
    training: GANTraining = GANTraining()

    goals = ("push",)

    def profiles(self, data: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_profiles, num_items] float32: templates drawn anew, changed by the generator.

        Raises:
            ValueError: as `ShillingAttack.profiles`; if `data` has no ratings, or no user has
                enough items to be a template.
        """
        rng = np.random.default_rng(rng)
        targets = checked_targets(data, targets)
        if data.rating is None:
            raise ValueError(
                "`data` should have ratings, for the generator makes ratings. Received none."
            )
        facts = RatingStatistics.of(data)
        selected = np.zeros(0, np.int64)
        if self.num_selected or self.segment:
            segment = SegmentAttack(
                num_profiles=1,
                num_fillers=self.num_fillers,
                segment=self.segment,
                num_selected=self.num_selected,
            )
            selected = segment._selected(data, facts, targets, self.num_fillers)
        templates = _Templates(data, targets, selected, self.num_fillers)
        seed = int(rng.integers(2**31))
        model = _TemplateGAN(self, data, facts, templates, targets, seed)
        optimizer = keras.optimizers.Adam
        model.compile(
            d_optimizer=optimizer(self.training.learning_rate),
            g_optimizer=optimizer(self.training.learning_rate),
        )
        users = batches.of_users(
            templates.users, batch_size=min(self.num_profiles, len(templates.users)), seed=seed
        )
        model.fit(
            users.dataset(0),
            steps_per_epoch=users.steps_per_epoch,
            epochs=self.training.epochs,
            verbose=0,
        )
        chosen = rng.choice(
            templates.users, self.num_profiles, replace=len(templates.users) < self.num_profiles
        )
        cut = [templates.cut(user, rng) for user in chosen]
        template, rated = (np.stack(part).astype(np.float32) for part in zip(*cut, strict=True))
        ratings = model.ratings(tf.constant(template), tf.constant(rated)).numpy()
        profiles = np.where(rated > 0, facts.on_scale(ratings), 0).astype(np.float32)
        profiles[:, targets] = facts.high
        return profiles


class _Templates:
    """Real users cut to the size of a fake profile, in NumPy and in the graph.

    Attributes:
        users: [n] int32, those with enough items.
        histories: the items of everybody.
        selected: [num_items] float32, 1 where an item is selected.
    """

    def __init__(self, data: Interactions, targets, selected, num_fillers: int):
        known = data.by_user()
        self.histories = Histories(known)
        self._known = known
        self._ratings = ratings_by_user(data)
        self._ratings_in_graph = tf.constant(self._ratings)
        self.fillers = num_fillers - len(selected)
        self.selected = np.zeros(data.num_items, np.float32)
        self.selected[selected] = 1.0
        self.open = np.ones(data.num_items, np.float32)
        self.open[targets] = self.open[selected] = 0.0
        counts = np.bincount(
            known.users(), self.open[known.items] * (self._ratings > 0), data.num_users
        )
        enough = template_users(counts, self.fillers)
        if not len(enough):
            raise ValueError("`data` should hold a user to take as a template. Received none.")
        self.users = enough.astype(np.int32)

    def cut(self, user: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """[num_items] ratings and [num_items] of 0/1: fillers of a user, and the selected."""
        row = slice(*self._known.row_splits[user : user + 2])
        ratings = np.zeros_like(self.selected)
        ratings[self._known.items[row]] = self._ratings[row]
        own = np.flatnonzero((ratings > 0) & (self.open > 0))
        kept = rng.permutation(own)[: self.fillers]
        rated = self.selected.copy()
        rated[kept] = 1.0
        return ratings * rated, rated

    def cut_in_graph(self, users: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch] -> the same for a batch, drawn by `seed`."""
        ratings = self.histories.dense(users, self._ratings_in_graph)
        own = tf.cast(ratings > 0, tf.float32) * self.open
        if not self.fillers:
            rated = tf.zeros_like(own)
        else:
            noise = tf.random.stateless_uniform(tf.shape(own), seed, minval=0.1) * own
            least = tf.math.top_k(noise, self.fillers).values[:, -1:]
            rated = own * tf.cast(noise >= tf.maximum(least, 1e-6), tf.float32)
        rated = tf.maximum(rated, self.selected[None, :])
        return ratings * rated, rated


class _TemplateGAN(GAN):
    """Ratings scaled to [-1, 1] on what is rated, 0 elsewhere; the targets belong to neither."""

    def __init__(self, attack, data, facts: RatingStatistics, templates, targets, seed):
        num_items, training = data.num_items, attack.training
        super().__init__(
            _network(num_items, training.hidden, num_items, seed, "generator"),
            _network(num_items, training.hidden, 1, seed + 50, "discriminator"),
            loss=training.loss,
            name="template_gan",
        )
        self.num_users = data.num_users
        self.aim, self.facts, self.templates = attack.aim, facts, templates
        self.middle, self.half = (facts.high + facts.low) / 2, (facts.high - facts.low) / 2
        self.targets = tf.constant(targets, tf.int32)
        is_target = np.zeros(num_items, np.float32)
        is_target[targets] = 1.0
        self.is_target = tf.constant(is_target)
        self.selected = tf.constant(templates.selected)
        self.surrogate = None
        if self.aim.kind == "surrogate":
            self.surrogate = AlternatingSurrogate(
                data, SurrogateModel(kind="ratings", dim=16), seed=seed
            )
            self.items = tf.Variable(self.surrogate.items, trainable=False)

    replicated = False

    def _scaled(self, ratings, rated):
        return (ratings - self.middle) / self.half * rated

    def ratings(self, template, rated, training=False):
        """Ratings [batch, num_items], unrounded, in the range of the scale; read where rated."""
        raw = self.generator(self._scaled(template, rated), training=training)
        if self.aim.kind == "selected":
            new = self.middle + self.half * tf.tanh(raw)
            return tf.where(self.selected > 0, new, template)
        # Around the template: the generator starts as a copier.
        center = tf.where(template > 0, template, self.facts.mean)
        return tf.clip_by_value(
            center + 2 * self.half * tf.tanh(raw), self.facts.low, self.facts.high
        )

    def real_samples(self, inputs):
        template, _ = self.templates.cut_in_graph(
            inputs["user_index"], stream(inputs["seed"], "real templates")
        )
        # A real user has rated a selected item or not; only what is there is shown.
        return self._scaled(template, tf.cast(template > 0, tf.float32))

    def fake_samples(self, inputs, seed, training):
        template, rated = self.templates.cut_in_graph(
            inputs["user_index"], stream(seed, "generated templates")
        )
        return self._scaled(self.ratings(template, rated, training), rated)

    def reconstruction_loss(self, inputs, seed, training):
        template, rated = self.templates.cut_in_graph(
            inputs["user_index"], stream(seed, "generated templates")
        )
        ratings = self.ratings(template, rated, training)
        known = tf.cast(template > 0, tf.float32)
        kept = tf.reduce_sum(tf.square((ratings - template) / self.half) * known)
        kept *= self.aim.keep_weight / tf.maximum(tf.reduce_sum(known), 1.0)
        if self.surrogate is None:
            low = tf.square((self.facts.high - ratings) / self.half) * self.selected
            aim = tf.reduce_sum(low) / tf.maximum(
                tf.reduce_sum(self.selected) * tf.cast(tf.shape(low)[0], tf.float32), 1.0
            )
            return kept + self.aim.weight * aim
        rated = tf.maximum(rated, self.is_target[None, :])
        profiles = tf.where(self.is_target > 0, self.facts.high, ratings)
        users, items = self.surrogate.unrolled(profiles, rated, tf.convert_to_tensor(self.items), 1)
        self.items.assign(items)  # the next batch goes on from here: clean items flatter
        asked = self._users_asked(seed)
        aim = objective_loss(
            self.surrogate.scores(tf.gather(users, asked), items),
            self.templates.histories.dense(asked),
            self.targets,
            objective="softmax",
        )
        return kept + self.aim.weight * aim

    def generated_samples(self, inputs, seed):
        # Without the template, which differs between users whatever is generated.
        template, rated = self.templates.cut_in_graph(
            inputs["user_index"], stream(seed, "generated templates")
        )
        return self.generator(self._scaled(template, rated), training=False)

    collapse = staticmethod(collapsed_profiles)

    def _users_asked(self, seed: tf.Tensor) -> tf.Tensor:
        """All real users, or `USERS_ASKED` of them by `seed`."""
        if self.num_users <= USERS_ASKED:
            return tf.range(self.num_users)
        draw = tf.random.stateless_uniform([self.num_users], stream(seed, "users asked"))
        return tf.math.top_k(draw, USERS_ASKED).indices


def _network(inputs: int, hidden: int, outputs: int, seed: int, name: str) -> keras.Model:
    """[batch, inputs] -> [batch, outputs]; the last layer starts near zero."""
    profile = keras.Input(shape=(inputs,), name="profile")
    x = keras.layers.Dense(
        hidden,
        activation="tanh",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name=f"{name}_hidden",
    )(profile)
    out = keras.layers.Dense(
        outputs,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01, seed=seed + 1),
        name=f"{name}_output",
    )(x)
    return keras.Model(profile, out, name=name)


def aush(
    *, num_profiles: int, num_fillers: int, training: GANTraining | None = None, **settings
) -> ProfileGANAttack:
    """Augmented shilling: ratings of selected items generated beside a real user's fillers."""
    return ProfileGANAttack(
        num_profiles=num_profiles,
        num_fillers=num_fillers,
        training=training or GANTraining(),
        **settings,
    )


def legup(
    *, num_profiles: int, num_fillers: int, training: GANTraining | None = None, **settings
) -> ProfileGANAttack:
    """Every rating generated, for what a surrogate says of the target's rank."""
    return ProfileGANAttack(
        num_profiles=num_profiles,
        num_fillers=num_fillers,
        aim=Aim(kind="surrogate", keep_weight=0.1),
        training=training or LEGUP_TRAINING,
        **settings,
    )
