import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.sequential import encoders
from advrec_tf.models.sequential.encoders import EncoderSize

SIZE = EncoderSize(length=6, dim=8, blocks=1, heads=2, dropout=0.5)
BUILDERS = {
    "attention": encoders.attention_encoder,
    "frequencies": encoders.frequency_encoder,
    "filters": encoders.filter_encoder,
    "gates": encoders.gated_encoder,
    "recurrence": encoders.recurrent_encoder,
}


def inputs():
    vectors = np.random.default_rng(0).normal(size=(2, 6, 8))
    return {
        "vectors": tf.constant(vectors, tf.float32),
        "known": tf.constant([[False] * 3 + [True] * 3, [True] * 6]),
        "seed": tf.constant([1, 2], tf.int32),
    }


@pytest.mark.parametrize("name", BUILDERS)
def test_each_is_a_functional_model_with_a_state_a_place(name):
    encoder = BUILDERS[name](SIZE)
    assert isinstance(encoder, keras.Model) and encoder._is_graph_network
    assert encoder(inputs()).shape == (2, 6, 8)


@pytest.mark.parametrize("name", BUILDERS)
def test_dropout_follows_the_seed_of_the_batch(name):
    encoder, given = BUILDERS[name](SIZE), inputs()
    first, again = (encoder(given, training=True).numpy() for _ in range(2))
    other = encoder({**given, "seed": given["seed"] + 1}, training=True).numpy()
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("name", BUILDERS)
def test_weights_follow_the_seed(name):
    one, same, other = (BUILDERS[name](SIZE, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", BUILDERS)
def test_a_network_is_built_again_from_its_configuration(name):
    encoder = BUILDERS[name](SIZE)
    again = type(encoder).from_config(encoder.get_config())
    again.set_weights(encoder.get_weights())
    np.testing.assert_allclose(encoder(inputs()), again(inputs()), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 0}, "`length` should be >= 1"),
        ({"heads": 3}, "`heads` should divide `dim`"),
        ({"dropout": 1.0}, r"`dropout` should lie in \[0, 1\)"),
    ],
)
def test_sizes_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EncoderSize(**settings)


def test_frequencies_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="`lowest` should lie in"):
        encoders.frequency_encoder(SIZE, lowest=9)
