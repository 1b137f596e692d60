import math

import numpy as np
import pytest

from advrec_tf.tabular.gaussian_modes import Modes, fit_modes


def test_two_modes_far_apart_are_found():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(-5, 0.5, 500), rng.normal(5, 1.0, 500)])
    modes = fit_modes(values, max_modes=5, rng=rng)
    order = np.argsort(modes.mean)
    np.testing.assert_allclose(modes.mean[order], [-5, 5], atol=0.1)
    np.testing.assert_allclose(modes.deviation[order], [0.5, 1.0], atol=0.1)
    np.testing.assert_allclose(modes.weight, 0.5, atol=0.01)


def test_the_density_of_a_mixture_is_that_worked_by_hand():
    # log .5 + log N(0; 0, 1) = -ln 2 - ln(2 pi) / 2, twice
    modes = Modes(np.array([0.5, 0.5]), np.zeros(2), np.ones(2))
    assert modes.log_likelihood(np.zeros(1)) == pytest.approx(-0.5 * math.log(2 * math.pi))
