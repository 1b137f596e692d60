"""An invented world of users and items whose next-item distribution is known.

Tastes drift from season to season, popularity is skewed, users come and go; titles, features
and a knowledge graph tell of the same items. Because the world knows what it drew from, it
also knows the best score any model can reach: `World.oracle`. NumPy only.

At a user's t-th interaction, with the season s of its time, the item is drawn from

    p(i) = (1 - noise) * softmax(strength * taste[s, u] . item[i] + popularity[i]) + noise / n

both terms over the n items the user has not had before. The softmax is drawn by the Gumbel
trick, which gives a whole season in Plackett-Luce order from one draw of keys.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.vocabulary import Vocabulary

SEASON_SECONDS = 90 * 24 * 3600.0
START = 946_684_800.0  # 1 January 2000, in seconds since 1970
SEGMENTS = ("student", "teacher", "engineer", "artist", "clerk", "doctor", "farmer", "retired")
GENRES = {  # name -> the nouns of its titles
    "action": "Pursuit Bullet Fury Strike Chase Rebel Outpost Convoy".split(),
    "animation": "Teapot Dragonfly Puppet Balloon Hedgehog Acorn Snowman Kite".split(),
    "comedy": "Wedding Neighbor Landlord Picnic Butler Holiday Mix-up Parrot".split(),
    "crime": "Alibi Heist Witness Ransom Verdict Informer Vault Motive".split(),
    "documentary": "Glacier Orchestra Election Reef Archive Harvest Census Voyage".split(),
    "drama": "Harbour Letter Orchard Promise Winter Inheritance Silence Station".split(),
    "fantasy": "Amulet Griffin Kingdom Sorcerer Prophecy Labyrinth Crown Willow".split(),
    "horror": "Cellar Whisper Grave Mirror Hollow Asylum Lantern Fog".split(),
    "romance": "Garden Violin Sunday Balcony Kiss Stranger Waltz Postcard".split(),
    "science fiction": "Orbit Android Signal Colony Reactor Eclipse Satellite Paradox".split(),
}
ADJECTIVES = (
    "Silent Crimson Broken Distant Golden Hidden Restless Frozen Burning Forgotten Gentle "
    "Hollow Lonely Midnight Northern Pale Quiet Royal Second Secret Shattered Stolen Sudden "
    "Unlikely Velvet Wandering Wild Winding Last First Borrowed Curious Electric Endless Faithful "
    "Painted Paper Reluctant Scarlet Tender"
).split()


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Oracle:
    """Scores by the distribution that each user's last interaction was drawn from: no model can be
    expected to rank the last item higher."""

    world: World

    def score(self, user_index: np.ndarray) -> np.ndarray:
        """User index [batch] -> log-probability [batch, num_items] float32."""
        return self.world.best_scores[user_index]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class World:
    """Interactions and a knowledge graph, with the truth they were drawn from.

    Attributes:
        interactions: by user, then by time, which strictly increases within a user.
        knowledge_graph: genre, director and decade of every item.
        user_taste: [num_seasons, num_users, latent_dim] float32.
        item_taste: [num_items, latent_dim] float32, already times the strength.
        popularity: [num_items] float32, added to the logits.
        noise: probability that an item is drawn uniformly.
    """

    interactions: Interactions
    knowledge_graph: KnowledgeGraph
    user_taste: np.ndarray
    item_taste: np.ndarray
    popularity: np.ndarray
    noise: float

    @property
    def num_seasons(self) -> int:
        return len(self.user_taste)

    def season_of(self, time: np.ndarray) -> np.ndarray:
        """Timestamps -> season 0..num_seasons - 1; times beyond the ends take the nearest."""
        return _season_of(time, self.num_seasons)

    def best_score(self, user_index: np.ndarray, time: np.ndarray | None = None) -> np.ndarray:
        """Log-probability of the item that each user takes next.

        Over the items unseen before `time` its exponential sums to one; a seen item gets the
        value it would have had unseen, so mask it as for any model.

        Args:
            user_index: [batch] int, 0 <= index < num_users.
            time: [batch] or scalar, in seconds; the moment of each user's last interaction if None.

        Returns:
            [batch, num_items] float32, nats, <= 0 where unseen.
        """
        user_index = np.asarray(user_index)
        known, moments = self.interactions, self.interactions.timestamp
        assert moments is not None
        ends = np.cumsum(known.user_counts())
        time = moments[ends[user_index] - 1] if time is None else time
        time = np.broadcast_to(np.asarray(time, np.float64), user_index.shape)
        taste = self.user_taste[self.season_of(time), user_index]
        logits = taste @ self.item_taste.T + self.popularity
        open_logits = logits.copy()
        starts = ends - known.user_counts()
        for i, (user, moment) in enumerate(zip(user_index, time, strict=True)):
            own = slice(starts[user], ends[user])
            open_logits[i, known.item_index[own][moments[own] < moment]] = -np.inf
        peak = open_logits.max(axis=1, keepdims=True)
        total = np.exp(open_logits - peak).sum(axis=1, keepdims=True)
        unseen = np.isfinite(open_logits).sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):  # without noise its term is log 0
            uniform = np.log(np.float64(self.noise)) - np.log(unseen)
        chosen = np.log1p(-self.noise) + logits - peak - np.log(total)
        return np.logaddexp(chosen, uniform).astype(np.float32)

    @functools.cached_property
    def best_scores(self) -> np.ndarray:
        """[num_users, num_items] float32: `best_score` of every user at their last interaction."""
        blocks = np.array_split(np.arange(self.interactions.num_users), 8)
        return np.concatenate([self.best_score(block) for block in blocks])

    def oracle(self) -> Oracle:
        """The best possible scorer of a split that holds out each user's last interaction."""
        return Oracle(world=self)


def make_world(
    *,
    num_users: int = 2000,
    num_items: int = 1000,
    seed: int = 0,
    num_seasons: int = 4,
    latent_dim: int = 8,
    mean_rows: float = 30.0,
    strength: float = 2.5,
    popularity_skew: float = 0.85,
    drift: float = 0.15,
    noise: float = 0.05,
) -> World:
    """Draws a world; equal arguments give equal worlds.

    Args:
        num_users, num_items: sizes; every user has an interaction, an item may have none.
        seed: of all the randomness.
        num_seasons: seasons of 90 days; a user's taste is constant within one.
        latent_dim: length of the taste vectors.
        mean_rows: interactions per user before the cap at a quarter of the items; log-normal with
            sigma 1.1.
        strength: about the standard deviation over items of the taste part of the logits, nats.
        popularity_skew: exponent of the Zipf law that popularity alone would follow.
        drift: 1 - correlation of a user's private taste from one season to the next.
        noise: probability that an item is drawn uniformly from the unseen items.

    Raises:
        ValueError: if an argument lies outside its range.
    """
    for name, value, low, high in (
        ("num_users", num_users, 1, np.inf),
        ("num_items", num_items, 2, np.inf),
        ("seed", seed, 0, np.inf),
        ("num_seasons", num_seasons, 1, np.inf),
        ("latent_dim", latent_dim, 1, np.inf),
        ("mean_rows", mean_rows, 1, np.inf),
        ("strength", strength, 0, np.inf),
        ("popularity_skew", popularity_skew, 0, np.inf),
        ("drift", drift, 0, 1),
        ("noise", noise, 0, 0.99),
    ):
        if not low <= value <= high or value == np.inf:
            raise ValueError(f"`{name}` should lie in {low}..{high}. Received {value!r}.")
    rng = np.random.default_rng(seed)
    users = Vocabulary(_ids("u", num_users))
    items = Vocabulary(_ids("i", num_items))

    item_features, titles, director, item_taste = _draw_items(rng, num_items, latent_dim)
    user_features, user_taste = _draw_users(rng, num_users, latent_dim, num_seasons, drift)
    item_taste *= np.float32(strength)
    rank = rng.permutation(num_items) + 1
    popularity = (-popularity_skew * np.log(rank)).astype(np.float32)

    user_index, timestamp = _draw_times(rng, num_users, num_items, num_seasons, mean_rows)
    item_index = _draw_item_index(
        rng,
        user_index,
        _season_of(timestamp, num_seasons),
        user_taste=user_taste,
        item_taste=item_taste,
        popularity=popularity,
        noise=noise,
    )
    return World(
        interactions=Interactions(
            user_index=user_index,
            item_index=item_index,
            users=users,
            items=items,
            timestamp=timestamp,
            user_features=user_features,
            item_features=item_features,
            item_text=titles,
        ),
        knowledge_graph=_graph(items, item_features, director),
        user_taste=user_taste,
        item_taste=item_taste,
        popularity=popularity,
        noise=noise,
    )


def _ids(prefix: str, count: int) -> list[str]:
    width = max(4, len(str(count - 1)))
    return [f"{prefix}{index:0{width}d}" for index in range(count)]


def _season_of(time: np.ndarray, num_seasons: int) -> np.ndarray:
    season = np.floor((np.asarray(time) - START) / SEASON_SECONDS).astype(np.int64)
    return np.clip(season, 0, num_seasons - 1)


def _draw_items(rng, num_items, latent_dim):
    """Features, titles, director and taste of each item; taste follows genre, director, year."""
    names = list(GENRES)
    primary = rng.choice(len(names), num_items, p=rng.dirichlet(np.full(len(names), 8.0)))
    other = (primary + rng.integers(1, len(names), num_items)) % len(names)
    other = np.where(rng.random(num_items) < 0.35, other, primary)
    # Directors keep to a genre, so that the graph says what the features do not.
    per_genre = max(1, num_items // (8 * len(names)))
    director = primary * per_genre + rng.integers(0, per_genre, num_items)
    year = rng.integers(1960, 2000, num_items)

    def directions(count):
        return rng.standard_normal((count, latent_dim)) / np.sqrt(latent_dim)

    genre_taste = directions(len(names))
    taste = (
        0.7 * (genre_taste[primary] + genre_taste[other]) / np.sqrt(2)
        + 0.45 * directions(len(names) * per_genre)[director]
        + 0.4 * directions(num_items)
    )
    # Younger users like newer films: the first coordinate is where the two meet.
    taste[:, 0] += 0.3 * (year - 1980) / 12

    features = pd.DataFrame(
        {
            f"genre_{name.replace(' ', '_')}": ((primary == g) | (other == g)).astype(np.int8)
            for g, name in enumerate(names)
        }
        | {"year": year}
    )
    nouns = [GENRES[names[genre]] for genre in primary]
    return features, _titles(rng, nouns, year), director, taste.astype(np.float32)


def _titles(rng, nouns, year) -> np.ndarray:
    """One unique title per item; a name drawn before becomes a sequel, "The Pale Fog 2"."""
    seen: dict[str, int] = {}
    titles = []
    for words, when in zip(nouns, year, strict=True):
        adjective = ADJECTIVES[rng.integers(len(ADJECTIVES))]
        name = f"The {adjective} {words[rng.integers(len(words))]}"
        seen[name] = seen.get(name, 0) + 1
        number = f" {seen[name]}" if seen[name] > 1 else ""
        titles.append(f"{name}{number} ({when})")
    return np.array(titles)


def _draw_users(rng, num_users, latent_dim, num_seasons, drift):
    """Features and taste of each user; features explain a third of it, the rest drifts."""
    segment = rng.integers(0, len(SEGMENTS), num_users)
    gender = rng.integers(0, 2, num_users)
    age = np.clip(rng.normal(35, 12, num_users), 15, 80).astype(np.int64)
    shared = 0.5 * rng.standard_normal((len(SEGMENTS), latent_dim))[segment]
    shared += 0.25 * np.outer(2 * gender - 1, rng.standard_normal(latent_dim))
    shared[:, 0] -= 0.5 * (age - 35) / 12

    keep = 1.0 - drift
    private = [rng.standard_normal((num_users, latent_dim))]
    for _ in range(1, num_seasons):
        fresh = rng.standard_normal((num_users, latent_dim))
        private.append(keep * private[-1] + np.sqrt(1 - keep**2) * fresh)
    taste = shared + np.sqrt(0.67) * np.stack(private)
    features = pd.DataFrame(
        {
            "age": age,
            "gender": np.array(["F", "M"])[gender],
            "segment": np.array(SEGMENTS)[segment],
        }
    )
    return features, taste.astype(np.float32)


def _draw_times(rng, num_users, num_items, num_seasons, mean_rows):
    """(user_index, timestamp) of all interactions, by user, then time; each user has a window of
    activity."""
    sigma = 1.1
    counts = rng.lognormal(np.log(mean_rows) - sigma**2 / 2, sigma, num_users)
    counts = np.clip(np.rint(counts), 1, max(1, num_items // 4)).astype(np.int64)
    span = num_seasons * SEASON_SECONDS
    joins = rng.random(num_users) * 0.9 * span
    leaves = np.minimum(joins + rng.exponential(0.4 * span, num_users), span)

    user_index = np.repeat(np.arange(num_users, dtype=np.int32), counts)
    time = joins[user_index] + rng.random(len(user_index)) * (leaves - joins)[user_index]
    time = time[np.lexsort((time, user_index))]
    # Whole seconds; the number of the interaction keeps them apart.
    nth = np.arange(len(user_index)) - np.repeat(np.cumsum(counts) - counts, counts)
    return user_index, START + np.floor(time) + nth


def _draw_item_index(
    rng, user_index, season, *, user_taste, item_taste, popularity, noise, block=256
):
    """The item of each interaction: per season one key an item, the best unseen key each time."""
    num_items = len(item_taste)
    num_seasons, num_users, _ = user_taste.shape
    item_index = np.empty(len(user_index), np.int32)
    counts = np.bincount(
        user_index.astype(np.int64) * num_seasons + season, minlength=num_users * num_seasons
    )
    starts = (np.cumsum(counts) - counts).reshape(num_users, num_seasons)
    counts = counts.reshape(num_users, num_seasons)
    for first in range(0, num_users, block):
        seen = np.zeros((min(block, num_users - first), num_items), bool)
        for s in range(num_seasons):
            drawn = counts[first : first + block, s]
            order = np.argsort(-drawn, kind="stable")  # the busiest first: the active are a prefix
            order = order[drawn[order] > 0]
            keys = user_taste[s, first + order] @ item_taste.T + popularity
            keys = keys - np.log(rng.standard_exponential(keys.shape))  # Gumbel noise
            keys[seen[order]] = -np.inf
            for step in range(drawn.max(initial=0)):
                active = order[: np.count_nonzero(drawn[order] > step)]
                chosen = keys[: len(active)].argmax(axis=1)
                noisy = np.flatnonzero(rng.random(len(active)) < noise)
                lottery = rng.random((len(noisy), num_items))
                lottery[np.isneginf(keys[noisy])] = -1.0
                chosen[noisy] = lottery.argmax(axis=1)
                keys[np.arange(len(active)), chosen] = -np.inf
                seen[active, chosen] = True
                item_index[starts[first + active, s] + step] = chosen
    return item_index


def _graph(items, item_features, director) -> KnowledgeGraph:
    triples = []
    genres = [column for column in item_features if column.startswith("genre_")]
    for name, flags in item_features[genres].items():
        genre = "genre:" + name.removeprefix("genre_")
        triples += [(item, "has_genre", genre) for item in items.ids[flags.to_numpy() == 1]]
    for item, who, year in zip(items.ids, director, item_features["year"], strict=True):
        triples.append((item, "directed_by", f"director:{who:03d}"))
        triples.append((item, "released_in", f"decade:{year // 10 * 10}"))
    return KnowledgeGraph.from_triples(triples, items=items)
