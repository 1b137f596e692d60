import numpy as np
import pytest

from advrec_tf.data import synthetic
from advrec_tf.data.synthetic import make_world


@pytest.fixture(scope="module")
def world():
    return make_world(seed=0)


def last_item_split(interactions):
    """Seen [users, items] bool without each user's last row, and that row's item; users with
    a single row left out."""
    ends = np.cumsum(interactions.user_counts())
    train = np.ones(len(interactions), bool)
    train[ends - 1] = False
    seen = np.zeros((interactions.num_users, interactions.num_items), bool)
    seen[interactions.user_index[train], interactions.item_index[train]] = True
    users = np.flatnonzero(interactions.user_counts() >= 2)
    return users, seen, interactions.item_index[ends - 1]


def expected_ndcg(world, scores, k=10):
    """NDCG@k of a ranking, over the true distribution of the last item and not one draw of it:
    the sum over ranks r of p(item at r) / log2(r + 2)."""
    users, seen, _ = last_item_split(world.interactions)
    scores = np.where(seen, -np.inf, scores)[users]
    top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    probability = np.exp(np.take_along_axis(world.best_scores[users], top, axis=1))
    return (probability / np.log2(np.arange(k) + 2)).sum(axis=1).mean()


def ease(seen, weight):
    """Scores of the closed-form linear autoencoder, Steck 2019, eq. 8."""
    x = seen.astype(np.float32)
    inverse = np.linalg.inv(x.T @ x + weight * np.eye(x.shape[1], dtype=np.float32))
    b = inverse / -np.diag(inverse)
    np.fill_diagonal(b, 0.0)
    return x @ b


def test_a_seed_decides_the_world():
    sizes = {"num_users": 60, "num_items": 40, "mean_rows": 8}
    one, same, other = (make_world(seed=seed, **sizes) for seed in (3, 3, 4))
    assert one.interactions.fingerprint() == same.interactions.fingerprint()
    assert one.interactions.fingerprint() != other.interactions.fingerprint()
    assert one.interactions.item_text.tolist() == same.interactions.item_text.tolist()
    assert one.interactions.user_features.equals(same.interactions.user_features)
    assert one.knowledge_graph.tails.tolist() == same.knowledge_graph.tails.tolist()
    np.testing.assert_array_equal(one.best_scores, same.best_scores)


def test_the_oracle_beats_ease_and_ease_beats_popularity_and_popularity_beats_chance(world):
    _, seen, _ = last_item_split(world.interactions)
    oracle = expected_ndcg(world, world.best_scores)
    linear = expected_ndcg(world, ease(seen, 200.0))
    popularity = expected_ndcg(world, np.broadcast_to(seen.sum(axis=0), seen.shape))
    chance = expected_ndcg(world, np.random.default_rng(0).random(seen.shape))
    assert oracle > 1.4 * linear
    assert linear > 1.5 * popularity
    assert popularity > 4 * chance


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.6])
def test_every_row_is_drawn_from_the_distribution_that_the_world_states(noise):
    # If item ~ p then E[log p(item)] = sum p log p and var = sum p (log p)^2 - (that)^2: the
    # standardized sum over all rows is about N(0, 1).
    world = make_world(num_users=400, num_items=50, noise=noise, seed=1)
    rows = world.interactions
    score = world.best_score(rows.user_index, rows.timestamp).astype(np.float64)
    for before in range(1, rows.user_counts().max()):  # mask what the user had before the row
        later = np.flatnonzero(rows.user_index[before:] == rows.user_index[:-before]) + before
        score[later, rows.item_index[later - before]] = -np.inf
    p = np.exp(score)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-4)
    finite = np.where(np.isfinite(score), score, 0.0)
    mean = (p * finite).sum(axis=1)
    variance = (p * finite**2).sum(axis=1) - mean**2
    drawn = score[np.arange(len(rows)), rows.item_index]
    assert abs((drawn - mean).sum() / np.sqrt(variance.sum())) < 4
    # And by item: counts against their expectation, as chi-squared with about 49 degrees.
    difference = rows.item_counts() - p.sum(axis=0)
    chi2 = (difference**2 / (p * (1 - p)).sum(axis=0)).sum()
    assert chi2 < 49 + 5 * np.sqrt(2 * 49)


def test_the_oracle_scores_each_user_at_their_last_row(world):
    users = np.array([5, 1999, 5], np.int32)
    ends = np.cumsum(world.interactions.user_counts())
    scores = world.oracle().score(users)
    assert scores.shape == (3, world.interactions.num_items)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    # Up to the last bit, which depends on how many users a product takes at once.
    np.testing.assert_allclose(
        scores, world.best_score(users, world.interactions.timestamp[ends[users] - 1]), rtol=1e-6
    )


def test_all_noise_but_a_trace_ranks_by_a_nearly_flat_distribution():
    # noise = .99: every unseen item has p >= .99 / n, so log p >= log(.99 / n)
    world = make_world(num_users=20, num_items=30, noise=0.99, seed=0)
    assert (world.best_scores >= np.log(0.99 / 30) - 1e-6).all()


def test_no_user_has_an_item_twice(world):
    rows = world.interactions
    pairs = rows.user_index.astype(np.int64) * rows.num_items + rows.item_index
    assert len(np.unique(pairs)) == len(pairs)


def test_the_top_fifth_of_the_items_holds_most_rows(world):
    counts = np.sort(world.interactions.item_counts())[::-1]
    assert counts[: len(counts) // 5].sum() > 0.5 * counts.sum()


def test_activity_is_skewed_with_many_short_histories(world):
    counts = world.interactions.user_counts()
    assert 25 < counts.mean() < 35
    assert (counts <= 5).mean() > 0.1
    assert set(range(1, 6)) <= set(counts)
    assert np.median(counts) < 0.7 * counts.mean()


def test_tastes_drift_from_season_to_season(world):
    def correlation(a, b):
        return np.corrcoef(world.user_taste[a].ravel(), world.user_taste[b].ravel())[0, 1]

    assert 0.75 < correlation(0, 1) < 0.95
    assert correlation(0, 3) < correlation(0, 1) - 0.1
    still = make_world(num_users=30, num_items=40, drift=0.0)
    np.testing.assert_array_equal(still.user_taste[0], still.user_taste[-1])


def test_rows_are_by_user_and_then_strictly_by_time(world):
    rows = world.interactions
    step = np.diff(rows.user_index)
    assert ((step == 0) | (step == 1)).all()
    assert (np.diff(rows.timestamp)[step == 0] > 0).all()
    assert rows.timestamp.dtype == np.float64


def test_users_come_and_go_so_that_a_split_by_time_has_both_sides(world):
    rows = world.interactions
    cut = np.quantile(rows.timestamp, 0.8)
    before = set(rows.user_index[rows.timestamp < cut])
    after = set(rows.user_index[rows.timestamp >= cut])
    assert len(before & after) > 0.2 * rows.num_users
    assert len(after - before) > 20
    assert len(before - after) > 0.2 * rows.num_users  # left early
    # Joining is uniform over .9 of four seasons: (.9 - .75) / .9 = 1/6 join in the last one, and
    # of those who join earlier some have their first row there.
    first = np.flatnonzero(np.diff(rows.user_index, prepend=-1))
    joined = np.bincount(world.season_of(rows.timestamp[first]), minlength=4) / rows.num_users
    assert (joined > 1 / 6 - 0.03).all()


def test_a_season_lasts_ninety_days():
    world = make_world(num_users=5, num_items=20)
    day = 24 * 3600
    times = synthetic.START + day * np.array([-1, 0, 89.9, 90, 359.9, 1000])
    assert world.season_of(times).tolist() == [0, 0, 0, 1, 3, 3]


def test_ids_and_titles_are_unique_and_features_match_the_vocabularies(world):
    rows = world.interactions
    assert rows.users.ids[42] == "u0042"
    assert rows.items.ids[137] == "i0137"
    assert len(set(rows.item_text)) == rows.num_items
    assert list(rows.user_features) == ["age", "gender", "segment"]
    genres = rows.item_features.filter(like="genre_")
    assert set(genres.sum(axis=1)) == {1, 2}
    assert all(
        text.endswith(f"({year})")
        for text, year in zip(rows.item_text, rows.item_features["year"], strict=True)
    )


def test_titles_stay_unique_where_names_run_out():
    world = make_world(num_users=2, num_items=9000, mean_rows=2)
    assert len(set(world.interactions.item_text)) == 9000


def test_the_knowledge_graph_tells_of_the_same_items(world):
    graph, rows = world.knowledge_graph, world.interactions
    assert graph.entities.ids[graph.item_entity].tolist() == rows.items.ids.tolist()
    # Heads are items, tails are not.
    assert set(graph.heads) == set(graph.item_entity)
    assert not set(graph.tails) & set(graph.item_entity)
    facts = {
        (graph.entities.ids[h], graph.entities.ids[t])
        for h, t in zip(graph.heads, graph.tails, strict=True)
    }
    assert len(facts) == len(graph)
    genres = rows.item_features.filter(like="genre_")
    # One director and one decade an item, beside its genres.
    assert len(facts) == int(genres.to_numpy().sum()) + 2 * rows.num_items
    for item in (0, 137, 999):
        of_item = {tail for head, tail in facts if head == rows.items.ids[item]}
        assert f"decade:{rows.item_features['year'][item] // 10 * 10}" in of_item
        for name in genres:
            told = f"genre:{name.removeprefix('genre_')}" in of_item
            assert told == bool(genres[name][item])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_users", 0),
        ("num_items", 1),
        ("seed", -1),
        ("num_seasons", 0),
        ("latent_dim", 0),
        ("mean_rows", 0.5),
        ("strength", -1.0),
        ("popularity_skew", float("nan")),
        ("drift", 1.5),
        ("noise", 1.0),
        ("noise", float("inf")),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make_world(**{name: value})


def test_the_smallest_world_is_one_user_and_two_items():
    world = make_world(num_users=1, num_items=2)
    assert len(world.interactions) == 1
    assert world.best_scores.shape == (1, 2)
    assert np.exp(world.best_scores).sum() == pytest.approx(1.0)
