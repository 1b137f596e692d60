import numpy as np
import pytest

from advrec_tf.defence.detectors.graph import (
    FAP,
    Fraudar,
    Rings,
    edge_weights,
    peeled,
)
from advrec_tf.defence.detectors.pca_var_select import PCAVarSelect
from advrec_tf.evaluation.classification import area_under_curve


def block_and_chance(rows_of, seed=0):
    """Forty users on 5 of 60 items at random; six more on the same ten items."""
    rng = np.random.default_rng(seed)
    rows = [(u, i, 3.0) for u in range(40) for i in rng.choice(50, 5, replace=False)]
    rows += [(40 + u, 50 + i, 5.0) for u in range(6) for i in range(10)]
    return rows_of(rows, items=60), np.arange(46) >= 40


def test_peeling_equals_the_densities_worked_by_hand(rows_of):
    # One user with one item of degree 1: weight w = 1 / ln 6 over two nodes.
    # Another with two items of degree 1: weight 2 w over three nodes.
    rows = rows_of([(0, 0, 1), (1, 1, 1), (1, 2, 1)])
    w = 1 / np.log(6)
    # Together 3 w / 5 = .6 w. Taken away first are nodes with w of edges: user 0 and item 0 (or
    # items 1 and 2 of user 1). The densest rest is user 1's star: 2 w / 3.
    found = peeled(rows)
    assert found[1] == pytest.approx(2 * w / 3, abs=1e-6)
    assert found[0] == pytest.approx(0.6 * w, abs=1e-6)


def test_a_block_is_denser_than_what_chance_makes(rows_of):
    rows, is_block = block_and_chance(rows_of)
    density = Fraudar().fit(rows).score(rows)
    assert density[is_block].min() > density[~is_block].max()
    rings = Rings(seed=0).fit(rows).score(rows)
    assert rings[is_block].min() > max(0.25, rings[~is_block].max())
    assert np.median(rings[~is_block]) < 0.05


def test_without_a_block_nothing_is_a_ring(rows_of):
    rng = np.random.default_rng(3)
    rows = rows_of(
        [(u, i, 3.0) for u in range(60) for i in rng.choice(50, 5, replace=False)], items=50
    )
    assert Rings(seed=0).fit(rows).score(rows).max() < 0.15


def test_extreme_edges_are_those_of_each_users_highest_rating(rows_of):
    rows = rows_of([(0, 0, 5.0), (0, 1, 1.0), (1, 1, 3.0)])
    only = Fraudar(extreme_only=True).fit(rows).score(rows)
    expected = peeled(rows_of([(0, 0, 5.0), (1, 1, 3.0)]))
    assert only.tolist() == pytest.approx(expected.tolist())


def test_edge_weights_equal_the_value_worked_by_hand(rows_of):
    # Ratings 2 and 4 by one user on two items: m = m_u = 3, item means are the ratings.
    rows = rows_of([(0, 0, 2.0), (0, 1, 4.0)])
    assert edge_weights(rows).tolist() == pytest.approx([1 + 1 / 3 + 1 / 3] * 2)


def test_guilt_reaches_those_who_share_items_with_the_known(rows_of):
    rows, is_block = block_and_chance(rows_of)
    seeds = np.zeros(46, bool)
    seeds[40] = True
    scores = FAP(rounds=3, tolerance=0.0).fit(rows, seeds).score(rows)
    assert scores[40] == np.inf
    assert area_under_curve(is_block[~seeds], scores[~seeds]) == 1.0


def test_pca_varselect_suspects_who_hardly_loads_on_the_main_directions(attacked):
    detector = PCAVarSelect().fit(attacked.interactions)
    auc = area_under_curve(attacked.is_fake, detector.score(attacked.interactions))
    assert auc > 0.7


def test_the_subspace_is_that_of_the_whole_eigendecomposition(rows_of):
    rng = np.random.default_rng(0)
    profiles = rng.integers(0, 6, (12, 30))
    user, item = np.nonzero(profiles)
    rows = rows_of(list(zip(user, item, profiles[user, item].astype(float), strict=True)), items=30)
    scaled = (profiles - profiles.mean(1, keepdims=True)) / profiles.std(1, keepdims=True)
    _, vectors = np.linalg.eigh(scaled @ scaled.T)
    distance = np.sum(vectors[:, -3:] ** 2, axis=1)
    found = PCAVarSelect(iterations=400).fit(rows).score(rows)
    np.testing.assert_allclose(found, -distance / distance.mean(), atol=1e-4)


@pytest.mark.parametrize("build", [PCAVarSelect, Fraudar, Rings])
def test_a_transductive_detector_scores_nothing_else(build, world):
    detector = build().fit(world)
    with pytest.raises(ValueError, match="should be those that a transductive"):
        detector.score(world.select(np.arange(100)))
