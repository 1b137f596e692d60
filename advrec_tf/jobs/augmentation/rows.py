"""The rows of the tables: off, every control, and the generators, one function each.

Every row ends in the same factorisation (or, where it says so, in a ranking of its own), so that
rows differ by what was done to the data or to the lists alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf.data import simple_augmentation
from advrec_tf.data.augmentation import AugmentedInteractions, drawn_unseen, top_unseen
from advrec_tf.gan.steering import steer
from advrec_tf.jobs.augmentation.arenas import MONITOR
from advrec_tf.jobs.augmentation.task import (
    Row,
    Task,
    attribute_gan,
    ease,
    factorise,
    profile_scores,
)
from advrec_tf.jobs.generation import blended, calibrate
from advrec_tf.models.attribute_baselines import GroupPopularity, bootstrap_profiles
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.item_similarity import nearest_items, singular_item_vectors
from advrec_tf.models.recommender import MatrixRecommender, Recommender, log_popularity
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.vectors import VectorRecommender, with_popularity_prior
from advrec_tf.perturbations import Perturbation

PRIOR_SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)
SHARE = 0.2
NEIGHBOURS = 10
_NOISE = Perturbation(epsilon=0.2, relative=True, direction="random")


def off(task: Task) -> VectorRecommender:
    """The factorisation on the real rows; other rows of the arena build on it."""
    return task.shared("off", lambda: factorise(task))


def _ranking(task: Task, scores: np.ndarray) -> Recommender:
    scores = np.asarray(scores, np.float32)
    return MatrixRecommender(scores=scores, interactions=task.train)


def _augmented(task: Task, rows, *, weight: float, share: float = SHARE) -> Recommender:
    users, items = rows
    if not len(users):
        return off(task)
    return factorise(
        task,
        AugmentedInteractions(
            real=task.train, user_index=users, item_index=items, weight=weight, share=share
        ),
    )


# Controls that generate nothing.


def popularity(task: Task) -> Recommender:
    return Popularity().fit(task.train)


def ease_alone(task: Task) -> Recommender:
    return ease(task) or Popularity().fit(task.train)


def serving_prior(task: Task) -> Recommender:
    """Log popularity added for users with few rows; the scale of taste chosen on validation."""
    model = off(task)
    found = [
        with_popularity_prior(
            model.user_vectors,
            model.item_vectors,
            task.train,
            scale=scale,
            few=task.settings.reach,
        )
        for scale in PRIOR_SCALES
    ]
    return max(found, key=lambda m: task.arena.choosing.evaluate(m).metrics[MONITOR])


def noise_on_embeddings(task: Task) -> Recommender:
    return factorise(task, perturbation=_NOISE)


def item_dropout(task: Task) -> Recommender:
    rows = simple_augmentation.dropped_rows(task.train, SHARE, rng=task.rng(1))
    return factorise(task, rows)


def swaps(task: Task) -> Recommender:
    count = min(NEIGHBOURS, task.train.num_items - 1)
    near = nearest_items(singular_item_vectors(task.train), count)
    rows = simple_augmentation.swapped_rows(task.train, near, SHARE, rng=task.rng(2))
    return _augmented(task, rows, weight=task.point)


def mixup(task: Task) -> Recommender:
    rows = simple_augmentation.mixed_profiles(task.train, 0.2, rng=task.rng(3))
    return _augmented(task, rows, weight=task.point)


# Rows from a teacher's scores, for users with few.


def _sparse(task: Task) -> np.ndarray:
    return np.flatnonzero(task.train.by_user().counts < task.settings.reach)


def _filled_up(task: Task, scores: np.ndarray, key, *, blend: bool) -> Recommender:
    """Scores [num_users, num_items] -> the best unseen items up to `reach` as rows."""
    users = _sparse(task)

    def rows():
        if blend:
            # How far to trust taste beyond popularity: by the likelihood of the choosing half.
            found = calibrate(scores[users], users, task.arena.cold)
            popular = log_popularity(task.train)
            mixed = np.zeros_like(scores)
            mixed[users] = blended(
                scores[users], popular, found["temperature"], found["popularity_weight"]
            )
        return top_unseen(
            mixed if blend else scores, task.train, reach=task.settings.reach, users=users
        )

    return _augmented(task, task.shared(("rows", key), rows), weight=task.point)


def random_rows(task: Task) -> Recommender:
    shape = (task.train.num_users, task.train.num_items)
    return _filled_up(task, task.rng(4).random(shape, np.float32), "random", blend=False)


def popular_rows(task: Task) -> Recommender:
    scores = np.tile(log_popularity(task.train), (task.train.num_users, 1))
    return _filled_up(task, scores, "popular", blend=False)


def ease_rows(task: Task) -> Recommender:
    model = ease(task)
    if model is None:
        return off(task)
    scores = in_blocks(model.score, task.train.num_users, block=512)
    return _filled_up(task, scores, "ease", blend=True)


def profile_rows(*, adversary: bool) -> Callable[[Task], Recommender]:
    def make(task: Task) -> Recommender:
        game = task.settings.gan_weight if adversary else 0.0
        return _filled_up(task, profile_scores(task, game=game), ("profile", game), blend=True)

    return make


# Users known by attributes only.


def random_ranking(task: Task) -> Recommender:
    shape = (task.train.num_users, task.train.num_items)
    return _ranking(task, task.rng(5).random(shape))


def _group_popularity(task: Task, strength: float) -> GroupPopularity:
    return GroupPopularity(task.groups, strength=strength).fit(task.train)


def group_popularity(task: Task) -> Recommender:
    return _group_popularity(task, task.point)


def _best_group_popularity(task: Task) -> np.ndarray:
    def compute():
        found = [_group_popularity(task, strength) for strength in task.settings.strength]
        best = max(found, key=lambda m: task.arena.choosing.evaluate(m).metrics[MONITOR])
        return best.scores()

    return task.shared("group popularity", compute)


def _copied(task: Task) -> np.ndarray:
    """[num_users, num_items]: the copied profile of each cut user, zeros for the others."""
    users = task.arena.cold.users
    copied = np.zeros((task.train.num_users, task.train.num_items), np.float32)
    copied[users] = bootstrap_profiles(task.train, task.groups, users, rng=task.rng(6))
    return copied


def bootstrap(task: Task) -> Recommender:
    """The copied profile first, popular items before rare ones."""
    return _ranking(task, 100.0 * _copied(task) + log_popularity(task.train))


def _best(task: Task, scores: np.ndarray) -> Recommender:
    """The `reach` best items of every cut user, by scores [num_users, num_items], as rows."""
    users = task.arena.cold.users
    rows = top_unseen(scores, task.train, reach=task.settings.reach, users=users)
    return _augmented(task, rows, weight=1.0)


def bootstrap_rows(task: Task) -> Recommender:
    """`reach` items of the copied profile, at random."""
    users = task.arena.cold.users
    logits = np.where(_copied(task) > 0, 0.0, -np.inf)[users]
    counts = np.full(len(users), task.settings.reach)
    rows = drawn_unseen(logits, users, task.train, counts, rng=task.rng(7))
    return _augmented(task, rows, weight=1.0)


def group_best(task: Task) -> Recommender:
    return _best(task, _best_group_popularity(task))


def popular_best(task: Task) -> Recommender:
    return _best(task, np.tile(log_popularity(task.train), (task.train.num_users, 1)))


def random_best(task: Task) -> Recommender:
    shape = (task.train.num_users, task.train.num_items)
    return _best(task, task.rng(10).random(shape))


def attribute_ranking(*, adversary: bool) -> Callable[[Task], Recommender]:
    def make(task: Task) -> Recommender:
        return attribute_gan(task, game=task.settings.gan_weight if adversary else 0.0)

    return make


def attribute_best(*, adversary: bool) -> Callable[[Task], Recommender]:
    """What the generator ranks first."""

    def make(task: Task) -> Recommender:
        gan = attribute_gan(task, game=task.settings.gan_weight if adversary else 0.0)
        return _best(task, gan.scores())

    return make


def attribute_drawn(*, adversary: bool) -> Callable[[Task], Recommender]:
    """Profiles as the generator writes them, set by set."""

    def make(task: Task) -> Recommender:
        gan = attribute_gan(task, game=task.settings.gan_weight if adversary else 0.0)
        users = task.arena.cold.users
        counts = np.full(len(users), min(task.settings.reach, task.train.num_items))
        written = gan.generate(task.attributes.vectors[users], counts, seed=1000 + task.arena.seed)
        rows, items = np.nonzero(written)
        pairs = users[rows].astype(np.int32), items.astype(np.int32)
        return _augmented(task, pairs, weight=1.0)

    return make


# Long tail.


def steered_rows(source: str) -> Callable[[Task], Recommender]:
    """Rows drawn from a source steered to the cap, a share `point` of a batch; of every user."""

    def make(task: Task) -> Recommender:
        train = task.train
        users = np.flatnonzero(train.by_user().counts)

        def logits():
            if source == "random":
                return np.zeros((train.num_users, train.num_items), np.float32)
            game = task.settings.gan_weight if source == "gan" else 0.0
            return profile_scores(task, game=game)

        steered = steer(logits()[users], users, train, cap=task.settings.cap)
        counts = np.maximum(
            np.round(task.settings.steered_rows * train.by_user().counts[users]), 1
        ).astype(int)
        rows = drawn_unseen(steered.logits, users, train, counts, rng=task.rng(11))
        drift = float(log_popularity(train)[rows[1]].mean() - _mean_of_rows(train))
        task.write(
            f"  {task.label}: gamma {steered.gamma:.2f}, drift {steered.drift:+.2f} nats; of the "
            f"{len(rows[0]):,} rows drawn {drift:+.2f}"
        )
        return _augmented(task, rows, weight=1.0, share=task.point)

    return make


def _mean_of_rows(train) -> float:
    return float(log_popularity(train)[train.item_index].mean())


def reweighted(task: Task) -> Recommender:
    """Real rows weighed by (rows of the item)^-power, with mean 1."""
    counts = task.train.item_counts()[task.train.item_index].astype(np.float64)
    weight = counts**-task.point
    return factorise(task, row_weight=weight / weight.mean())


def penalised(task: Task) -> Recommender:
    """score / temperature - penalty * log popularity, at serving."""
    model = off(task)
    scores = in_blocks(model.score, task.train.num_users, block=512)
    penalty = task.point * log_popularity(task.train)
    return _ranking(task, scores / task.settings.temperature - penalty)


TABLES: Mapping[str, Mapping[str, Row]] = {
    "sparse": {
        "off": Row(make=off),
        "popularity": Row(make=popularity),
        "EASE": Row(make=ease_alone),
        "popularity prior at serving": Row(make=serving_prior),
        "noise on embeddings": Row(make=noise_on_embeddings),
        "item dropout": Row(make=item_dropout),
        "swaps of similar items": Row(make=swaps, setting="weight"),
        "mixup of profiles": Row(make=mixup, setting="weight"),
        "random rows": Row(make=random_rows, setting="weight"),
        "popular rows": Row(make=popular_rows, setting="weight"),
        "EASE rows": Row(make=ease_rows, setting="weight"),
        "twin rows": Row(make=profile_rows(adversary=False), setting="weight"),
        "GAN rows": Row(make=profile_rows(adversary=True), setting="weight", twin="twin rows"),
    },
    "cold": {
        "random": Row(make=random_ranking),
        "popularity": Row(make=popularity),
        "popularity by attributes": Row(
            make=group_popularity, setting="strength", needs_attributes=True
        ),
        "bootstrap": Row(make=bootstrap, needs_attributes=True),
        "twin": Row(make=attribute_ranking(adversary=False), needs_attributes=True),
        "GAN": Row(make=attribute_ranking(adversary=True), twin="twin", needs_attributes=True),
        "random rows": Row(make=random_best),
        "popular rows": Row(make=popular_best),
        "rows by attributes' popularity": Row(make=group_best, needs_attributes=True),
        "bootstrap rows": Row(make=bootstrap_rows, needs_attributes=True),
        "twin rows, best": Row(make=attribute_best(adversary=False), needs_attributes=True),
        "GAN rows, best": Row(
            make=attribute_best(adversary=True), twin="twin rows, best", needs_attributes=True
        ),
        "twin rows, drawn": Row(make=attribute_drawn(adversary=False), needs_attributes=True),
        "GAN rows, drawn": Row(
            make=attribute_drawn(adversary=True), twin="twin rows, drawn", needs_attributes=True
        ),
    },
    "tail": {
        "off": Row(make=off),
        "popularity penalty at serving": Row(make=penalised, setting="penalty"),
        "rows by inverse popularity": Row(make=reweighted, setting="row_power"),
        "steered random rows": Row(make=steered_rows("random"), setting="steered_share"),
        "steered twin rows": Row(make=steered_rows("twin"), setting="steered_share"),
        "steered GAN rows": Row(
            make=steered_rows("gan"), setting="steered_share", twin="steered twin rows"
        ),
    },
}
"""Part -> label -> row. The first row of a part is what the others are compared with; of the cold
users that is popularity, since nothing without attributes reaches them."""
BASES = {"sparse": "off", "cold": "popularity", "tail": "off"}
