import numpy as np
import pytest

from advrec_tf.gan.cfgan import Minibatches
from experiments.published_tables import gans
from tests.experiments.published_tables.toy import trained


@pytest.mark.slow
def test_irgan_starts_from_the_scorer_that_dns_trained():
    start = trained(gans.PRETRAINING).model
    # The ablation at rate zero goes nowhere from there.
    gan = trained("IRGAN, ablation", g_learning_rate=0.0, decay=0.0).model
    np.testing.assert_allclose(gan.user_vectors(), start.user_vectors(), rtol=1e-6)


def test_sizes_for_long_profiles_reach_cfgan():
    plain = trained("CFGAN").model
    assert (plain.scheme.zeroed, plain.minibatches) == (1.0, Minibatches(critic=64, generator=32))
    sized = trained("CFGAN", zeroed=0.3, critic_batch=8, generator_batch=4).model
    assert (sized.scheme.zeroed, sized.minibatches) == (0.3, Minibatches(critic=8, generator=4))
