import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.windows import Windows, last_windows, of_windows, training_windows
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.perturbations import fgsm
from advrec_tf.training.prefixes import virtual_adversarial_prefixes
from tests.worlds import interactions_of_histories

DATA = interactions_of_histories(*[[(u + i) % 6 for i in range(5)] for u in range(32)], num_items=6)
UNLABELLED = interactions_of_histories([0], [], [3, 1, 2], num_items=6)
SIZE = EncoderSize(length=4, dim=8, blocks=1, heads=1, dropout=0.3)


def wrapped(build=published.sasrec, **settings):
    keras.utils.set_random_seed(0)
    model = build(DATA, size=SIZE)
    found = fgsm(settings.pop("epsilon", 0.3), relative=True, **settings)
    prefixes = last_windows(UNLABELLED, 4)
    return model, virtual_adversarial_prefixes(model, found, prefixes, batch_size=8)


@pytest.mark.parametrize("build", [published.sasrec, published.bert4rec, published.bsarec])
def test_the_worst_direction_turns_the_state_more_than_noise(build):
    _, gradient = wrapped(build)
    _, random = wrapped(build, direction="random")
    chosen, seed = tf.constant([0, 1]), tf.constant([1, 2])
    assert gradient.virtual_loss(chosen, seed) > 1.2 * random.virtual_loss(chosen, seed) > 0


def test_a_step_down_the_term_makes_the_states_smoother():
    model, trained = wrapped()
    chosen, seed = tf.constant([0, 1]), tf.constant([1, 2])
    with tf.GradientTape() as tape:
        before = trained.virtual_loss(chosen, seed)
    slope = tape.gradient(before, model.trainable_variables)
    keras.optimizers.SGD(0.01).apply_gradients(
        (g, v) for g, v in zip(slope, model.trainable_variables, strict=True) if g is not None
    )
    assert trained.virtual_loss(chosen, seed) < before


def test_the_term_is_part_of_fit(eagerly):
    _, trained = wrapped()
    trained.compile(optimizer=keras.optimizers.Adam(0.01))
    batches = of_windows(training_windows(DATA, 4), batch_size=16, seed=0, trimmed=False)
    logs = trained.fit(batches, epochs=2, verbose=0).history
    assert min(logs["virtual_loss"]) > 0
    whole = np.add(logs["clean_loss"], logs["virtual_loss"])
    np.testing.assert_allclose(logs["loss"], whole, rtol=1e-3)


def test_histories_without_an_item_are_refused():
    empty = Windows(items=np.full([2, 4], -1), user_index=np.arange(2), num_items=6)
    with pytest.raises(ValueError, match="`prefixes` should hold a history"):
        virtual_adversarial_prefixes(published.sasrec(DATA, size=SIZE), fgsm(0.1), empty)
