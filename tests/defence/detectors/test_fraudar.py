import numpy as np
import pytest

from advrec_tf.defence.detectors.fraudar import Fraudar, FraudarExcess, peeling_densities


def test_peeling_equals_the_densities_worked_by_hand(rows_of):
    # One user with one item of degree 1: weight w = 1 / ln 6 over two nodes.
    # Another with two items of degree 1: weight 2 w over three nodes.
    rows = rows_of([(0, 0, 1), (1, 1, 1), (1, 2, 1)])
    w = 1 / np.log(6)
    # Together 3 w / 5 = .6 w. Taken away first are nodes with w of edges: user 0 and item 0 (or
    # items 1 and 2 of user 1). The densest rest is user 1's star: 2 w / 3.
    found = peeling_densities(rows)
    assert found[1] == pytest.approx(2 * w / 3, abs=1e-6)
    assert found[0] == pytest.approx(0.6 * w, abs=1e-6)


def test_a_block_is_denser_than_what_chance_makes(block_and_chance):
    rows, is_block = block_and_chance
    density = Fraudar().fit(rows).score(rows)
    assert density[is_block].min() > density[~is_block].max()
    excess = FraudarExcess(seed=0).fit(rows).score(rows)
    assert excess[is_block].min() > max(0.25, excess[~is_block].max())
    assert np.median(excess[~is_block]) < 0.05


def test_without_a_block_no_density_exceeds_chance(rows_of):
    rng = np.random.default_rng(3)
    rows = rows_of(
        [(u, i, 3.0) for u in range(60) for i in rng.choice(50, 5, replace=False)], items=50
    )
    assert FraudarExcess(seed=0).fit(rows).score(rows).max() < 0.15


def test_only_the_edges_of_each_users_highest_rating_are_kept(rows_of):
    rows = rows_of([(0, 0, 5.0), (0, 1, 1.0), (1, 1, 3.0)])
    only = Fraudar(highest_only=True).fit(rows).score(rows)
    expected = peeling_densities(rows_of([(0, 0, 5.0), (1, 1, 3.0)]))
    assert only.tolist() == pytest.approx(expected.tolist())
