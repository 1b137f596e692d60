import numpy as np
import pytest

from advrec_tf.defence.detectors.reconstruction_error import ReconstructionErrorDetector
from advrec_tf.evaluation.classification import area_under_curve


@pytest.fixture(scope="module")
def fitted(world):
    return ReconstructionErrorDetector(dim=8, epochs=25, batch_size=32, seed=0).fit(world)


def test_profiles_that_mix_tastes_have_a_high_reconstruction_error(fitted, rows_of):
    # Users of the world like even items or odd ones; ten profiles are of both alike.
    one = [(u, i, 4.0) for u in range(10) for i in range(u % 2, 24, 2)]
    both = [(10 + u, i, 4.0) for u in range(10) for i in range(6, 18)]
    rows = rows_of(one + both, items=80)
    scores = fitted.score(rows)
    assert area_under_curve(np.arange(20) >= 10, scores) > 0.9


def test_the_cost_by_popularity_is_subtracted(fitted, world):
    cost, above = fitted.costs(world)[:5].T
    counts = world.item_counts() + 0.5
    cheapest = -np.log(counts.max() / counts.sum())
    assert (cost - above > 0).all() and (cost - above < 10 * cheapest).all()
    plain = ReconstructionErrorDetector(popularity_weight=0.0)
    plain.model, plain._popularity, plain._cost_of = (
        fitted.model,
        fitted._popularity,
        fitted._cost_of,
    )
    np.testing.assert_allclose(plain.score(world)[:5], cost)
    np.testing.assert_allclose(fitted.score(world)[:5], above)
