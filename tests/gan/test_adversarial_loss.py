import pytest

from advrec_tf.gan.adversarial_loss import AdversarialLoss


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"critic_steps": 0}, "`critic_steps` should be >= 1. Received: 0"),
        ({"generator_steps": 0}, "`generator_steps` should be >= 1. Received: 0"),
        ({"weight": -1.0}, "`weight` of the loss should be >= 0. Received: -1.0"),
        ({"weight": float("nan")}, "`weight` of the loss should be >= 0. Received: nan"),
        ({"penalty_weight": -1.0}, "`penalty_weight` of the loss should be >= 0. Received: -1.0"),
        ({"weight": "0.1"}, "`weight` of the loss should be >= 0. Received: '0.1'"),
        ({"critic_steps": "2"}, "`critic_steps` should be >= 1. Received: '2'"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AdversarialLoss(**settings)


def test_zero_weight_is_the_ablation_and_no_error():
    assert AdversarialLoss(weight=0.0, penalty_weight=0.0).critic_steps == 1
