import pytest

from advrec_tf.models.factorization import negatives
from advrec_tf.models.factorization.negatives import (
    BY_NAME,
    DNS,
    ByPopularity,
    Generator,
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DNS(0), "`candidates` should be >= 1. Received: 0"),
        (lambda: Generator(dim=0), "`dim` should be >= 1. Received: 0"),
        (lambda: Generator(initial_scale=0.0), "`initial_scale` should be > 0. Received: 0.0"),
        (lambda: ByPopularity(-0.5), "`exponent` should be >= 0. Received: -0.5"),
        (lambda: ByPopularity(float("nan")), "`exponent` should be >= 0. Received: nan"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_every_setting_has_a_name_for_files_of_settings():
    assert set(BY_NAME.values()) == set(negatives.PAIRWISE)
