import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.perturb_outputs import perturb_outputs
from tests.worlds import interactions_of

# Users {0, 1, 2}, {0, 1, 3, 4}, {0, 1}: rows per item 3, 3, 1, 1, 1, 0, and .5 more each in the
# bias: 3.5 3.5 1.5 1.5 1.5 .5, together 12.
ROWS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 3), (1, 4), (2, 0), (2, 1)]
ALL_HIDDEN = 1 - 1e-7  # so that the loss needs no guess at the mask


DATA = interactions_of(ROWS, num_users=3, num_items=6)


def batch(users, seed=(0, 0), weight=None):
    return {
        "user_index": tf.constant(users),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def test_the_loss_of_users_with_everything_hidden_equals_the_value_worked_by_hand():
    # an empty input has the code 0, so the chances are the bias alone
    first = -2 * math.log(3.5 / 12) - math.log(1.5 / 12)
    second = -2 * math.log(3.5 / 12) - 2 * math.log(1.5 / 12)
    model = ProfileAutoencoder(DATA, dim=4, drop=ALL_HIDDEN)
    assert float(model.compute_loss(batch([0]))) == pytest.approx(first, rel=1e-5)
    # together each weighs (hidden items)^-1/2
    weights = np.array([3, 4]) ** -0.5
    expected = np.average([first, second], weights=weights)
    assert float(model.compute_loss(batch([0, 1]))) == pytest.approx(expected, rel=1e-5)
    # and by the weight of the batch as well
    expected = np.average([first, second], weights=weights * [1, 5])
    loss = model.compute_loss(batch([0, 1], weight=[1, 5]))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("power", [0.0, 0.5, 0.8, 1.0])
def test_users_weigh_by_the_chosen_power_of_their_hidden_items(power):
    # three and four items hidden, losses as above
    model = ProfileAutoencoder(DATA, dim=4, drop=ALL_HIDDEN, weight_power=power)
    first, second = (float(model.compute_loss(batch([user]))) for user in (0, 1))
    expected = np.average([first, second], weights=[3**-power, 4**-power])
    assert float(model.compute_loss(batch([0, 1]))) == pytest.approx(expected, rel=1e-5)


def test_a_user_with_fewer_than_three_items_teaches_nothing():
    model = ProfileAutoencoder(DATA, dim=4, drop=ALL_HIDDEN)
    alone, beside = model.compute_loss(batch([2])), model.compute_loss(batch([2, 0]))
    assert float(alone) == 0.0
    assert float(beside) == pytest.approx(float(model.compute_loss(batch([0]))), rel=1e-6)


def test_with_nothing_hidden_there_is_nothing_to_lose():
    model = ProfileAutoencoder(DATA, dim=4, drop=1e-9)
    assert float(model.compute_loss(batch([0, 1, 2]))) == 0.0


def test_visible_items_are_no_candidates_of_the_softmax():
    # the gradient of the bias is chance - target; of user 1's items {0, 1, 3, 4} it is 0 exactly
    # where they are visible, and never for the items 2 and 5 that the user does not have
    model = ProfileAutoencoder(DATA, dim=4, drop=0.5)
    counts = set()
    for seed in range(6):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch([1], (seed, 0)), training=True)
        gradient = tape.gradient(loss, model.item_bias).numpy()
        visible = set(np.flatnonzero(gradient == 0).tolist())
        counts.add(len(visible))
        assert visible <= {0, 1, 3, 4} or float(loss) == 0.0
        assert gradient.sum() == pytest.approx(0, abs=1e-5)
    assert len(counts) > 2


def test_the_mask_follows_the_seed():
    model = ProfileAutoencoder(DATA, dim=4, drop=0.5)
    one, same = (float(model.compute_loss(batch([0, 1], (1, 2)))) for _ in range(2))
    others = {float(model.compute_loss(batch([0, 1], (s, 2)))) for s in range(2, 6)}
    assert one == same and others != {one}


def test_a_batch_of_unknown_users_is_refused():
    model = ProfileAutoencoder(DATA, dim=4)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"hold indices in 0\.\.2"):
        model.compute_loss(batch([0, 3]))


def test_scores_read_the_whole_profile_and_equal_the_vectors():
    model = ProfileAutoencoder(DATA, dim=4)
    users, items = model.user_vectors(), model.item_vectors()
    assert users.shape == (3, 5) and items.shape == (6, 5)
    scores = model.score(tf.range(3)).numpy()
    np.testing.assert_allclose(users @ items.T, scores, rtol=1e-5, atol=1e-6)
    profile = tf.constant([[1.0, 1, 1, 0, 0, 0]])
    np.testing.assert_allclose(model(profile), scores[:1], rtol=1e-6)


def test_the_size_of_a_profile_does_not_matter_to_its_code():
    # three items at 1 or at 5 point the same way
    encoder = ProfileAutoencoder(DATA, dim=4).encoder
    profile = tf.constant([[1.0, 1, 1, 0, 0, 0]])
    np.testing.assert_allclose(encoder(5 * profile), encoder(profile), rtol=1e-5)


def test_the_code_is_the_tanh_of_the_mean_direction_of_the_items_seen():
    # items 0 and 2 at 1 / sqrt 2 each, on two places of a code of two
    model = ProfileAutoencoder(DATA, dim=2)
    rows_of_items = np.zeros((6, 2), np.float32)
    rows_of_items[0], rows_of_items[2] = [1, 0], [3, -2]
    model.encoder_item_layer.vectors.assign(rows_of_items)
    model.encoder.get_layer("code").bias.assign([0.5, 0])
    code = model.encoder(tf.constant([[1.0, 0, 1, 0, 0, 0]]))
    expected = np.tanh([[4 / math.sqrt(2) + 0.5, -2 / math.sqrt(2)]])
    np.testing.assert_allclose(code, expected, rtol=1e-5)


def test_each_item_vector_moves_by_its_own_share_along_its_own_gradient():
    # D_i = eps |W_i| G_i / |G_i|, the adversarial term F(W + D) at the same mask, weight 1
    model = ProfileAutoencoder(DATA, dim=3, drop=0.5, seed=3)
    inputs, vectors = batch([0, 1, 2], (5, 6)), model.item_layer.vectors
    with tf.GradientTape() as tape:
        clean = model.compute_loss(inputs, training=True)
    gradient = tf.convert_to_tensor(tape.gradient(clean, vectors)).numpy()
    kept = vectors.numpy()
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    direction = np.divide(gradient, length, out=np.zeros_like(gradient), where=length > 0)
    vectors.assign(kept + 0.3 * np.linalg.norm(kept, axis=1, keepdims=True) * direction)
    moved = model.compute_loss(inputs, training=True)
    vectors.assign(kept)
    trained = AdversarialTraining(
        model, fgsm(0.3, relative=True), layers=[model.item_layer], weight=1.0, fraction=1.0
    )
    found = float(trained.compute_loss(inputs, training=True))
    assert found == pytest.approx(float(clean) + float(moved), rel=1e-5)
    assert float(moved) > float(clean) + 1e-3


def test_encoder_and_decoder_vectors_can_be_attacked_together():
    model = ProfileAutoencoder(DATA, dim=3, drop=0.5, seed=3)
    inputs = batch([0, 1, 2], (5, 6))
    places = [model.encoder_item_layer], [model.item_layer]
    both = [model.encoder_item_layer, model.item_layer]
    with perturb_outputs(both) as outputs:
        clean = float(model.compute_loss(inputs, training=True))
    assert [tuple(output.shape) for output in outputs] == [(6, 3), (6, 3)]
    budget = fgsm(0.1, relative=True)
    one, other, together = (
        float(
            AdversarialTraining(model, budget, layers=layers, fraction=1.0).compute_loss(
                inputs, training=True
            )
        )
        - clean
        for layers in (*places, both)
    )
    assert clean + 1e-4 < min(one, other) and max(one, other) + 1e-4 < together


@pytest.mark.parametrize("drop", [0.0, 1.0, -0.1])
def test_a_drop_that_hides_nothing_or_everything_is_refused(drop):
    with pytest.raises(ValueError, match=r"`drop` should lie in \(0, 1\)"):
        ProfileAutoencoder(DATA, drop=drop)


@pytest.mark.parametrize("power", [-0.1, 1.1, math.nan])
def test_a_power_outside_zero_to_one_is_refused(power):
    with pytest.raises(ValueError, match=r"`weight_power` should lie in \[0, 1\]"):
        ProfileAutoencoder(DATA, weight_power=power)


def test_an_autoencoder_learns_two_groups_and_survives_its_weights(tmp_path):
    pairs = [(u, 5 * (u // 5) + i) for u in range(10) for i in range(5) if i != u % 5]
    data = interactions_of(pairs, num_users=10, num_items=10)
    model = ProfileAutoencoder(data, dim=6, drop=0.3, seed=1)
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    made = batches.of_users(np.arange(10), batch_size=10, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=1, epochs=40, verbose=0)
    frame = model.recommend(range(10), k=1)
    assert frame["item_id"].tolist() == [5 * (u // 5) + u % 5 for u in range(10)]

    model.save_weights(tmp_path / "weights")
    other = ProfileAutoencoder(data, dim=6, drop=0.3, seed=2)
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.score(tf.range(10)), model.score(tf.range(10)))
