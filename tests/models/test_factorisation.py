import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.models.factorisation import MatrixFactorisation


def rows(pairs, num_users, num_items):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


def fixed(user_vectors, item_vectors, **settings):
    """A model with these factors, and a row so that it has data."""
    users, items = np.array(user_vectors, np.float32), np.array(item_vectors, np.float32)
    data = rows([(0, 0)], len(users), len(items))
    model = MatrixFactorisation(data, dim=users.shape[1], **settings)
    model.user_embedding.embeddings.assign(users)
    model.item_embedding.embeddings.assign(items)
    return model


def batch(users, items, seed=(0, 0), weight=None):
    return {
        "user_index": tf.constant(users),
        "item_index": tf.constant(items),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def test_the_loss_of_a_pair_is_bpr_against_a_negative_of_the_whole_catalogue():
    # p = 1, q = (ln 3, 0): against item 1 softplus(-ln 3) = ln(4/3), against itself ln 2
    model = fixed([[1.0]], [[math.log(3)], [0.0]])
    found = {round(float(model.compute_loss(batch([0], [0], (s, 0)))), 5) for s in range(20)}
    assert found == {round(math.log(4 / 3), 5), round(math.log(2), 5)}


def test_the_negative_is_the_same_for_the_same_seed():
    model = fixed([[1.0]], [[0.0], [1.0], [2.0], [3.0], [4.0]])
    losses = [
        float(model.compute_loss(batch([0] * 8, [0] * 8, s))) for s in ((1, 2), (1, 2), (1, 3))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_the_loss_is_a_mean_under_the_weights():
    # one item, so every negative is the positive: ln 2; l2 * (|p|^2 + 2 |q|^2) tells users apart
    # users: 1 + 2 * 4 = 9 and 9 + 2 * 4 = 17;  (3 * 9 + 1 * 17) / 4 = 11
    model = fixed([[1.0], [3.0]], [[2.0]], l2=0.1)
    loss = model.compute_loss(batch([0, 1], [0, 0], weight=[3, 1]))
    assert float(loss) == pytest.approx(math.log(2) + 1.1, rel=1e-6)


def test_scores_are_dot_products_and_equal_the_vectors():
    # (1, 2) . (3, 4) = 11, (1, 2) . (0, 1) = 2;  (0, -1): -4, -1
    model = fixed([[1, 2], [0, -1]], [[3, 4], [0, 1]])
    np.testing.assert_allclose(model.score(tf.constant([0, 1])), [[11, 2], [-4, -1]])
    np.testing.assert_allclose(model(tf.constant([1])), [[-4, -1]])
    np.testing.assert_allclose(model.user_vectors() @ model.item_vectors().T, [[11, 2], [-4, -1]])


def test_factors_repeat_for_a_seed_and_have_the_asked_for_spread():
    data = rows([(0, 0)], 500, 3)
    one, same, other = (MatrixFactorisation(data, dim=20, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.user_vectors(), same.user_vectors())
    assert not np.allclose(one.user_vectors(), other.user_vectors())
    # 10,000 draws: the standard error of their deviation is .1 / sqrt(20,000) = .0007
    assert one.user_vectors().std() == pytest.approx(0.1, abs=0.004)
    assert not np.allclose(one.user_vectors()[:3], one.item_vectors())


@pytest.mark.parametrize("settings", [{"dim": 0}, {"l2": -0.1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="`dim` should be >= 1 and `l2` >= 0"):
        MatrixFactorisation(rows([(0, 0)], 1, 1), **settings)


def test_a_factorisation_learns_two_groups_and_survives_its_weights(tmp_path):
    pairs = [(u, 4 * (u // 4) + i) for u in range(8) for i in range(4) if i != u % 4]
    data = rows(pairs, num_users=8, num_items=8)
    model = MatrixFactorisation(data, dim=4, seed=1)
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    made = batches.of_pairs(data, batch_size=24, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=1, epochs=40, verbose=0)
    frame = model.recommend(range(8), k=1)
    assert frame["item_id"].tolist() == [4 * (u // 4) + u % 4 for u in range(8)]

    model.save_weights(tmp_path / "weights")
    other = MatrixFactorisation(data, dim=4, seed=2)
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.score(tf.range(8)), model.score(tf.range(8)))
